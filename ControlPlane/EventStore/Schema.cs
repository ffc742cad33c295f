using System.Data;
using System.Reflection;
using Npgsql;

namespace AccessPlane.ControlPlane.EventStore;

/// <summary>The log's tables and functions, made where they are missing. Safe to run by any number of replicas at once, at every start.</summary>
public sealed class Schema(NpgsqlDataSource database)
{
    public const string Name = "accessplane";

    /// <summary>
    /// In a statement that writes: its commit is not waited for on disk. For what is told again where it is lost, as a checkpoint is. A crash of the
    /// database takes the end of what was committed and nothing before it, so that such a write is there wherever an event is that came after it.
    /// </summary>
    public const string Unawaited = "set_config('synchronous_commit', 'off', true)";

    private const int PatienceSeconds = 5;
    private const long CreationLock = 0x4150_0000_0000_0001;

    /// <summary>What a connection was told for longer than a transaction, locks included, would be the next one's who gets it from the pool.</summary>
    public static async Task LetGo(NpgsqlConnection connection)
    {
        ArgumentNullException.ThrowIfNull(connection);
        if (connection.FullState == ConnectionState.Open)
        {
            await using var command = new NpgsqlCommand("RESET ALL; UNLISTEN *; SELECT pg_advisory_unlock_all()", connection) { CommandTimeout = PatienceSeconds };
            await command.ExecuteNonQueryAsync();
        }
    }

    public async Task Create(CancellationToken cancel)
    {
        await using var script = Assembly.GetExecutingAssembly().GetManifestResourceStream("Schema.sql")!;
        using var reader = new StreamReader(script);
        await using var connection = await database.OpenConnectionAsync(cancel);
        await using var transaction = await connection.BeginTransactionAsync(cancel);
        // CREATE … IF NOT EXISTS is not safe against a second one that runs at the same time
        await using var command = new NpgsqlCommand($"SELECT pg_advisory_xact_lock({CreationLock}); {await reader.ReadToEndAsync(cancel)}", connection, transaction);
        await command.ExecuteNonQueryAsync(cancel);
        await transaction.CommitAsync(cancel);
    }
}

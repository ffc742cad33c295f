using System.Data;
using System.Reflection;
using System.Security.Cryptography;
using System.Text;
using Npgsql;

namespace AccessPlane.ControlPlane.EventStore;

/// <summary>The log's tables and functions. Safe to make by any number of replicas at once, at every start: where they are as this version makes them, nothing is
/// done, because what others append waits for the locks that it takes to make something, and these for what others append.</summary>
public sealed class Schema(NpgsqlDataSource database)
{
    public const string Name = "accessplane";

    /// <summary>
    /// In a statement that writes: its commit is not waited for on disk. Never a session's setting: whoever got its connection next would append without waiting. For what is told again where it is lost, as a checkpoint is. A crash of the
    /// database takes the end of what was committed and nothing before it, so that such a write is there wherever an event is that came after it.
    /// </summary>
    public const string Unawaited = "set_config('synchronous_commit', 'off', true)";

    private const int PatienceSeconds = 5;
    private const long CreationLock = 0x4150_0000_0000_0001;

    /// <summary>What a connection was told for longer than a transaction, locks included, would be the next one's who gets it from the pool. One that cannot
    /// be told to forget it is closed instead.</summary>
    public static async Task LetGo(NpgsqlDataSource pool, NpgsqlConnection connection)
    {
        ArgumentNullException.ThrowIfNull(pool);
        ArgumentNullException.ThrowIfNull(connection);
        if (connection.FullState != ConnectionState.Open)
        {
            return;
        }
        try
        {
            await using var command = new NpgsqlCommand("SELECT pg_advisory_unlock_all(); UNLISTEN *; RESET ALL", connection) { CommandTimeout = PatienceSeconds };
            await command.ExecuteNonQueryAsync();
        }
        catch (NpgsqlException)
        {
            pool.Clear(); // idle ones go at once, this one as soon as it is given back
        }
    }

    public async Task Create(CancellationToken cancel)
    {
        await using var script = Assembly.GetExecutingAssembly().GetManifestResourceStream("Schema.sql")!;
        using var reader = new StreamReader(script);
        var text = await reader.ReadToEndAsync(cancel);
        var made = $"made by {Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text)))}";
        await using var connection = await database.OpenConnectionAsync(cancel);
        if (await HowMade(connection, cancel) == made)
        {
            return;
        }
        await using var transaction = await connection.BeginTransactionAsync(cancel);
        // CREATE … IF NOT EXISTS is not safe against a second one that runs at the same time
        await using (var turn = new NpgsqlCommand($"SELECT pg_advisory_xact_lock({CreationLock})", connection, transaction))
        {
            await turn.ExecuteNonQueryAsync(cancel);
        }
        if (await HowMade(connection, cancel) == made)
        {
            return; // by another replica, meanwhile
        }
        await using var command = new NpgsqlCommand($"{text}; COMMENT ON SCHEMA {Name} IS '{made}'", connection, transaction);
        await command.ExecuteNonQueryAsync(cancel);
        await transaction.CommitAsync(cancel);
    }

    private static async Task<string?> HowMade(NpgsqlConnection connection, CancellationToken cancel)
    {
        await using var command = new NpgsqlCommand($"SELECT obj_description(to_regnamespace('{Name}'), 'pg_namespace')", connection);
        return await command.ExecuteScalarAsync(cancel) as string;
    }
}

using System.Reflection;
using Npgsql;

namespace AccessPlane.ControlPlane.EventStore;

/// <summary>The log's tables and functions, made where they are missing. Safe to run by any number of replicas at once, at every start.</summary>
public sealed class Schema(NpgsqlDataSource database)
{
    public const string Name = "accessplane";
    private const long CreationLock = 0x4150_0000_0000_0001;

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

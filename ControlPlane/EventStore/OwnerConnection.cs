using System.Data;
using Npgsql;

namespace AccessPlane.ControlPlane.EventStore;

/// <summary>What an owner says to the log's server, over the one connection that holds its locks: which it takes and lets go, and how far it has come.</summary>
internal sealed class OwnerConnection(NpgsqlConnection connection)
{
    private const int PatienceSeconds = 5;
    private const string LockPrefix = $"{Schema.Name}/subscription/";

    /// <summary>The server notices within seconds that the owner's machine is gone, too; and one row that somebody holds does not hold up all others.</summary>
    public Task Begin(CancellationToken cancel) => Execute(
        "SET tcp_keepalives_idle = 1; SET tcp_keepalives_interval = 1; SET tcp_keepalives_count = 2; SET tcp_user_timeout = 3000; SET lock_timeout = 1000", cancel);

    /// <exception cref="NpgsqlException">It does not.</exception>
    public Task Lives(CancellationToken cancel) => Execute("SELECT 1", cancel);

    /// <returns>Of each name, whether it is this owner's now.</returns>
    public async Task<bool[]> TryLock(string[] names, CancellationToken cancel)
    {
        await using var command = Command(
            "SELECT pg_try_advisory_lock(hashtextextended($1 || name, 0)) FROM unnest($2) WITH ORDINALITY AS n (name, i) ORDER BY i", LockPrefix, names);
        await using var reader = await command.ExecuteReaderAsync(cancel);
        var locked = new bool[names.Length];
        for (var i = 0; i < names.Length; i++)
        {
            await reader.ReadAsync(cancel);
            locked[i] = reader.GetBoolean(0);
        }
        return locked;
    }

    public async Task Unlock(string[] names, CancellationToken cancel)
    {
        await using var command = Command("SELECT pg_advisory_unlock(hashtextextended($1 || name, 0)) FROM unnest($2) AS name", LockPrefix, names);
        await command.ExecuteNonQueryAsync(cancel);
    }

    /// <summary>What a crash of the database takes is a repetition, and those there are.</summary>
    /// <returns>Why the database stored none of them; null where it did.</returns>
    public async Task<PostgresException?> Store((string Name, long Position)[] due, CancellationToken cancel)
    {
        await using var command = Command(
            $"""
            INSERT INTO {Schema.Name}.mt_event_progression (name, last_seq_id, last_updated)
            SELECT name, checkpoint, transaction_timestamp() FROM unnest($1, $2) AS due (name, checkpoint)
            ON CONFLICT (name) DO UPDATE SET last_seq_id = excluded.last_seq_id, last_updated = excluded.last_updated RETURNING {Schema.Unawaited}
            """, due.Select(d => d.Name).ToArray(), due.Select(d => d.Position).ToArray());
        try
        {
            await command.ExecuteNonQueryAsync(cancel);
            return null;
        }
        catch (PostgresException refused) when (connection.FullState == ConnectionState.Open)
        {
            return refused;
        }
    }

    private async Task Execute(string sql, CancellationToken cancel)
    {
        await using var command = Command(sql);
        await command.ExecuteNonQueryAsync(cancel);
    }

    private NpgsqlCommand Command(string sql, params object[] values)
    {
        var command = new NpgsqlCommand(sql, connection) { CommandTimeout = PatienceSeconds };
        Array.ForEach(values, v => command.Parameters.Add(new NpgsqlParameter { Value = v }));
        return command;
    }
}

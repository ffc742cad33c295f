using AccessPlane.ControlPlane.EventStore;
using Npgsql;

namespace AccessPlane.ControlPlane.Http;

/// <summary>What became of a claim.</summary>
public enum OnceClaim
{
    /// <summary>Nobody had claimed the id.</summary>
    First,

    /// <summary>It was claimed with the same content: a repeat.</summary>
    Same,

    /// <summary>It was claimed with another content.</summary>
    Other,
}

/// <summary>Durable memory of what was seen once: which body an Idempotency-Key stood for, which review token was used and for what.
/// Operational, not part of the log: losing it loses the check, never a fact; what a command led to is never there without its claim.</summary>
public sealed class Once(NpgsqlDataSource database, TimeProvider clock)
{
    public async ValueTask<OnceClaim> Claim(Guid id, byte[] content, CancellationToken cancel)
    {
        // one statement; of two that race, the second waits for the first and then sees its row
        await using var command = database.CreateCommand($"""
            with mine as (
                insert into accessplane.once (id, content, at) values ($1, $2, $3) on conflict (id) do nothing returning {Schema.Unawaited}
            )
            select exists (select from mine), (select content = $2 from accessplane.once where id = $1)
            """);
        command.Parameters.Add(new NpgsqlParameter<Guid> { TypedValue = id });
        command.Parameters.Add(new NpgsqlParameter<byte[]> { TypedValue = content });
        command.Parameters.Add(new NpgsqlParameter<DateTimeOffset> { TypedValue = clock.GetUtcNow() });
        for (; ; )
        {
            await using var rows = await command.ExecuteReaderAsync(cancel);
            await rows.ReadAsync(cancel);
            if (rows.GetBoolean(0))
            {
                return OnceClaim.First;
            }
            // null: the other claim was committed after this statement's snapshot; the next look sees it
            if (!await rows.IsDBNullAsync(1, cancel))
            {
                return rows.GetBoolean(1) ? OnceClaim.Same : OnceClaim.Other;
            }
        }
    }

    /// <summary>Gives an id back that led to nothing.</summary>
    public async Task Forget(Guid id, CancellationToken cancel)
    {
        await using var command = database.CreateCommand("delete from accessplane.once where id = $1");
        command.Parameters.Add(new NpgsqlParameter<Guid> { TypedValue = id });
        await command.ExecuteNonQueryAsync(cancel);
    }
}

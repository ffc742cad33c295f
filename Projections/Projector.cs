using AccessPlane.Contracts;
using AccessPlane.Contracts.Events;
using Npgsql;
using NpgsqlTypes;

namespace AccessPlane.Projections;

/// <summary>
/// Folds the log into the read models. A batch's rows and its checkpoint are committed together, so that no event counts twice; the commit is not
/// waited for on disk, because whatever a crash takes is folded again from the checkpoint that went with it.
/// </summary>
public sealed class Projector(NpgsqlDataSource database, IReadOnlyList<Projection> projections, string schema = "accessplane")
{
    private const int BatchSize = 1000;
    private readonly Lock guard = new();
    private TaskCompletionSource advanced = New();
    private long reached;

    public IReadOnlyList<Projection> Projections => projections;

    /// <summary>Makes the tables where they are missing.</summary>
    public async Task CreateTables(CancellationToken cancel)
    {
        await using var connection = await database.OpenConnectionAsync(cancel);
        await using var transaction = await connection.BeginTransactionAsync(cancel);
        await Execute(connection, "SELECT pg_advisory_xact_lock(hashtextextended('accessplane/projections/tables', 0))", cancel);
        await Execute(connection, $"CREATE TABLE IF NOT EXISTS {schema}.ap_projections (name text NOT NULL PRIMARY KEY, shape text NOT NULL)", cancel);
        foreach (var projection in projections)
        {
            var table = $"{schema}.{projection.Table}";
            await DropOtherShape(connection, projection, cancel);
            await Execute(connection, $"CREATE TABLE IF NOT EXISTS {table} (key text COLLATE \"C\" NOT NULL PRIMARY KEY, row jsonb NOT NULL)", cancel);
            foreach (var sql in projection.Columns)
            {
                await Execute(
                    connection, sql.Replace("{table}", table, StringComparison.Ordinal).Replace("{index}", $"ix_{projection.Table}", StringComparison.Ordinal), cancel);
            }
        }
        await transaction.CommitAsync(cancel);
    }

    private async Task DropOtherShape(NpgsqlConnection connection, Projection projection, CancellationToken cancel)
    {
        await using var command = new NpgsqlCommand(
            $"INSERT INTO {schema}.ap_projections (name, shape) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET shape = excluded.shape " +
            $"WHERE {schema}.ap_projections.shape <> excluded.shape RETURNING 1", connection)
        {
            Parameters = { new NpgsqlParameter { Value = projection.Name }, new NpgsqlParameter { Value = projection.Shape } },
        };
        if (await command.ExecuteScalarAsync(cancel) is not null)
        {
            await Execute(connection, $"DROP TABLE IF EXISTS {schema}.{projection.Table}", cancel);
            await Execute(connection, $"DELETE FROM {schema}.mt_event_progression WHERE name = $1", cancel, CheckpointOf(projection.Name));
        }
    }

    /// <summary>Folds what is settled and not folded yet, up to a batch for each read model. One replica at a time does; another's call does nothing.</summary>
    /// <returns>Whether there may be more to do at once.</returns>
    public async Task<bool> CatchUp(CancellationToken cancel)
    {
        await using var connection = await database.OpenConnectionAsync(cancel);
        await using var transaction = await connection.BeginTransactionAsync(cancel);
        await Execute(connection, "SET LOCAL synchronous_commit = off", cancel);
        if (!await TryLock(connection, cancel))
        {
            return false;
        }
        var checkpoints = await Checkpoints(connection, cancel);
        var from = checkpoints.Values.Min();
        // those that are ahead (one of the others is new) wait for the rest; a batch is read once for all
        var behind = projections.Where(p => checkpoints[p.Name] == from).ToList();
        var upTo = projections.Except(behind).Select(p => checkpoints[p.Name]).DefaultIfEmpty(long.MaxValue).Min();
        var (events, position) = await Read(connection, from, [.. behind.SelectMany(p => p.Types).Distinct()], cancel);
        var now = Math.Min(upTo, events.Count == BatchSize ? events[^1].Position : position);
        if (now > from)
        {
            foreach (var projection in behind)
            {
                await Fold(connection, projection, events.Where(e => e.Position <= now), cancel);
                await Store(connection, projection, now, cancel);
            }
            await transaction.CommitAsync(cancel);
        }
        Advance(Math.Min(now, upTo));
        return events.Count == BatchSize || now == upTo;
    }

    /// <summary>Throws a read model away and folds it anew, in one transaction: readers see the old rows until the new ones are there.</summary>
    public async Task Rebuild(Projection projection, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(projection);
        await using var connection = await database.OpenConnectionAsync(cancel);
        await using var transaction = await connection.BeginTransactionAsync(cancel);
        await Execute(connection, $"SELECT pg_advisory_xact_lock({LockKey})", cancel);
        await Execute(connection, $"DELETE FROM {schema}.{projection.Table}", cancel);
        long from = 0;
        while (true)
        {
            var (events, position) = await Read(connection, from, projection.Types, cancel);
            await Fold(connection, projection, events, cancel);
            from = events.Count == BatchSize ? events[^1].Position : position;
            if (events.Count < BatchSize)
            {
                break;
            }
        }
        await Store(connection, projection, from, cancel);
        await transaction.CommitAsync(cancel);
    }

    public async Task<IReadOnlyList<ProjectionStatus>> Status(CancellationToken cancel)
    {
        await using var connection = await database.OpenConnectionAsync(cancel);
        var checkpoints = await Checkpoints(connection, cancel);
        return [.. projections.Select(p => new ProjectionStatus(p.Name, checkpoints[p.Name]))];
    }

    /// <summary>Whether all read models show everything up to a position within the time; by whichever replica's work.</summary>
    public async Task<bool> Reached(long position, TimeSpan within, TimeProvider clock, CancellationToken cancel)
    {
        using var patience = new CancellationTokenSource(within, clock);
        while (true)
        {
            Task next;
            lock (guard)
            {
                next = advanced.Task;
            }
            if (Volatile.Read(ref reached) >= position)
            {
                return true;
            }
            if ((await Status(cancel)).Min(s => s.Position) is var known && known >= position)
            {
                return true;
            }
            if (patience.IsCancellationRequested)
            {
                return false;
            }
            // another replica may be the one at work: looked at again soon even when nothing happens here
            await Task.WhenAny(next, Task.Delay(TimeSpan.FromMilliseconds(20), clock, cancel));
            cancel.ThrowIfCancellationRequested();
        }
    }

    private string LockKey => $"hashtextextended('{schema}/projections', 0)";

    private async Task<bool> TryLock(NpgsqlConnection connection, CancellationToken cancel)
    {
        await using var command = new NpgsqlCommand($"SELECT pg_try_advisory_xact_lock({LockKey})", connection);
        return (bool)(await command.ExecuteScalarAsync(cancel))!;
    }

    private async Task<Dictionary<string, long>> Checkpoints(NpgsqlConnection connection, CancellationToken cancel)
    {
        var checkpoints = projections.ToDictionary(p => p.Name, _ => 0L);
        await using var command = new NpgsqlCommand($"SELECT name, last_seq_id FROM {schema}.mt_event_progression WHERE name = ANY ($1)", connection);
        command.Parameters.Add(new NpgsqlParameter { Value = checkpoints.Keys.Select(CheckpointOf).ToArray() });
        await using var reader = await command.ExecuteReaderAsync(cancel);
        while (await reader.ReadAsync(cancel))
        {
            checkpoints[reader.GetString(0)["projection/".Length..]] = reader.GetInt64(1);
        }
        return checkpoints;
    }

    private static string CheckpointOf(string projection) => $"projection/{projection}";

    private async Task<(List<Stored> Events, long Settled)> Read(NpgsqlConnection connection, long after, IReadOnlyList<string> types, CancellationToken cancel)
    {
        await using var command = new NpgsqlCommand($"SELECT * FROM {schema}.ap_read($1, $2, $3)", connection);
        command.Parameters.Add(new NpgsqlParameter { Value = after });
        command.Parameters.Add(new NpgsqlParameter { NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Text, Value = types.ToArray() });
        command.Parameters.Add(new NpgsqlParameter { Value = BatchSize });
        var events = new List<Stored>();
        long settled = 0;
        await using var reader = await command.ExecuteReaderAsync(cancel);
        while (await reader.ReadAsync(cancel))
        {
            settled = reader.GetInt64(0);
            if (!reader.IsDBNull(1))
            {
                events.Add(new Stored(
                    reader.GetInt64(1), reader.GetGuid(2), reader.GetInt64(3), reader.GetGuid(4), reader.GetFieldValue<DateTimeOffset>(5),
                    StoredJson.ContextOf(reader.GetString(8), reader.IsDBNull(9) ? null : reader.GetString(9), reader.IsDBNull(10) ? null : reader.GetString(10)),
                    StoredJson.EventOf(reader.GetString(6), reader.GetString(7))));
            }
        }
        return (events, settled);
    }

    private async Task Fold(NpgsqlConnection connection, Projection projection, IEnumerable<Stored> events, CancellationToken cancel)
    {
        var changes = events.Where(e => projection.Types.Contains(EventNames.Of(e.Event))).SelectMany(projection.Changes).ToList();
        if (changes.Count == 0)
        {
            return;
        }
        var rows = await Load(connection, projection, changes, cancel);
        foreach (var change in changes)
        {
            rows[change.Key] = change.Apply(rows.GetValueOrDefault(change.Key));
        }
        var kept = rows.Where(r => r.Value is not null).ToList();
        await Execute(
            connection,
            $"INSERT INTO {schema}.{projection.Table} (key, row) SELECT k, r::jsonb FROM unnest($1, $2) t (k, r) ON CONFLICT (key) DO UPDATE SET row = excluded.row",
            cancel, kept.Select(r => r.Key).ToArray(), kept.Select(r => r.Value!).ToArray());
        var gone = rows.Where(r => r.Value is null).Select(r => r.Key).ToArray();
        if (gone.Length > 0)
        {
            await Execute(connection, $"DELETE FROM {schema}.{projection.Table} WHERE key = ANY ($1)", cancel, (object)gone);
        }
    }

    private async Task<Dictionary<string, string?>> Load(NpgsqlConnection connection, Projection projection, List<Change> changes, CancellationToken cancel)
    {
        var rows = new Dictionary<string, string?>(StringComparer.Ordinal);
        await using var command = new NpgsqlCommand($"SELECT key, row::text FROM {schema}.{projection.Table} WHERE key = ANY ($1)", connection);
        command.Parameters.Add(new NpgsqlParameter { Value = changes.Select(c => c.Key).Distinct().ToArray() });
        await using var reader = await command.ExecuteReaderAsync(cancel);
        while (await reader.ReadAsync(cancel))
        {
            rows[reader.GetString(0)] = reader.GetString(1);
        }
        return rows;
    }

    private Task Store(NpgsqlConnection connection, Projection projection, long position, CancellationToken cancel) => Execute(
        connection,
        $"INSERT INTO {schema}.mt_event_progression (name, last_seq_id, last_updated) VALUES ($1, $2, transaction_timestamp()) " +
        "ON CONFLICT (name) DO UPDATE SET last_seq_id = excluded.last_seq_id, last_updated = excluded.last_updated",
        cancel, CheckpointOf(projection.Name), position);

    private static async Task Execute(NpgsqlConnection connection, string sql, CancellationToken cancel, params object[] values)
    {
        await using var command = new NpgsqlCommand(sql, connection);
        foreach (var value in values)
        {
            command.Parameters.Add(new NpgsqlParameter { Value = value });
        }
        await command.ExecuteNonQueryAsync(cancel);
    }

    private void Advance(long to)
    {
        TaskCompletionSource beat;
        lock (guard)
        {
            reached = Math.Max(reached, to);
            beat = advanced;
            advanced = New();
        }
        beat.SetResult();
    }

    private static TaskCompletionSource New() => new(TaskCreationOptions.RunContinuationsAsynchronously);
}

/// <param name="Position">Everything up to here is shown.</param>
public sealed record ProjectionStatus(string Name, long Position);

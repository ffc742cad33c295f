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
            if (await DropOtherShape(connection, projection, cancel))
            {
                await MakeTable(connection, projection, projection.Table, cancel);
            }
            // else as it should be: a start beside running replicas takes no lock that their readers would wait for
        }
        await transaction.CommitAsync(cancel);
    }

    /// <returns>Whether the table has to be made.</returns>
    private async Task<bool> DropOtherShape(NpgsqlConnection connection, Projection projection, CancellationToken cancel)
    {
        await using var command = new NpgsqlCommand(
            $"INSERT INTO {schema}.ap_projections (name, shape) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET shape = excluded.shape " +
            $"WHERE {schema}.ap_projections.shape <> excluded.shape RETURNING 1", connection)
        {
            Parameters = { new NpgsqlParameter { Value = projection.Name }, new NpgsqlParameter { Value = projection.Shape } },
        };
        if (await command.ExecuteScalarAsync(cancel) is null)
        {
            return false;
        }
        await Execute(connection, $"DROP TABLE IF EXISTS {schema}.{projection.Table}", cancel);
        await Execute(connection, $"DELETE FROM {schema}.mt_event_progression WHERE name = $1", cancel, CheckpointOf(projection.Name));
        return true;
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
        var page = await Read(connection, from, [.. behind.SelectMany(p => p.Types).Distinct()], cancel);
        var now = Math.Min(upTo, page.Position);
        if (now > from)
        {
            foreach (var projection in behind)
            {
                await Fold(connection, projection, projection.Table, page.Events.Where(e => e.Position <= now), cancel);
                await Store(connection, projection, now, cancel);
            }
            await transaction.CommitAsync(cancel);
        }
        Advance(Math.Min(now, upTo));
        return page.More || now == upTo;
    }

    /// <summary>
    /// Folds a read model anew into a table beside it, and puts that in its place when it has come as far: meanwhile the old one is read and kept up.
    /// </summary>
    public async Task Rebuild(Projection projection, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(projection);
        var beside = $"{projection.Table}_new";
        // one at a time: the lock goes with this connection's transaction, whatever becomes of this process
        await using var turn = await database.OpenConnectionAsync(cancel);
        await using var turns = await turn.BeginTransactionAsync(cancel);
        await Execute(turn, "SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", cancel, $"{schema}/rebuild/{projection.Name}");

        await using var connection = await database.OpenConnectionAsync(cancel);
        await Execute(connection, $"DROP TABLE IF EXISTS {schema}.{beside}", cancel);
        await MakeTable(connection, projection, beside, cancel);
        var (from, more) = await FoldOn(connection, projection, beside, 0, cancel);
        while (more)
        {
            (from, more) = await FoldOn(connection, projection, beside, from, cancel);
        }

        await using var transaction = await connection.BeginTransactionAsync(cancel);
        await Execute(connection, $"SELECT pg_advisory_xact_lock({LockKey})", cancel);
        // the old one goes no further now; never behind it: who was shown something must not miss it again
        var reached = (await Checkpoints(connection, cancel))[projection.Name];
        while (more || from < reached)
        {
            (from, more) = await FoldOn(connection, projection, beside, from, cancel);
        }
        await Execute(connection, $"DROP TABLE {schema}.{projection.Table}", cancel);
        await Execute(connection, $"ALTER TABLE {schema}.{beside} RENAME TO {projection.Table}", cancel);
        foreach (var index in await IndexesOf(connection, projection.Table, cancel))
        {
            await Execute(connection, $"ALTER INDEX {schema}.{index} RENAME TO {index.Replace(beside, projection.Table, StringComparison.Ordinal)}", cancel);
        }
        await Store(connection, projection, from, cancel);
        await transaction.CommitAsync(cancel);
    }

    /// <summary>One batch into the table beside. Bound by no lock: nobody else knows of the table.</summary>
    private async Task<(long Position, bool More)> FoldOn(NpgsqlConnection connection, Projection projection, string table, long from, CancellationToken cancel)
    {
        var page = await Read(connection, from, projection.Types, cancel);
        await Fold(connection, projection, table, page.Events, cancel);
        return (page.Position, page.More);
    }

    private async Task MakeTable(NpgsqlConnection connection, Projection projection, string table, CancellationToken cancel)
    {
        await Execute(
            connection, $"CREATE TABLE IF NOT EXISTS {schema}.{table} (key text COLLATE \"C\" NOT NULL PRIMARY KEY, row jsonb NOT NULL, position bigint NOT NULL)", cancel);
        foreach (var sql in projection.Columns)
        {
            await Execute(
                connection, sql.Replace("{table}", $"{schema}.{table}", StringComparison.Ordinal).Replace("{index}", $"ix_{table}", StringComparison.Ordinal), cancel);
        }
    }

    private async Task<List<string>> IndexesOf(NpgsqlConnection connection, string table, CancellationToken cancel)
    {
        await using var command = new NpgsqlCommand("SELECT indexname FROM pg_indexes WHERE schemaname = $1 AND tablename = $2", connection);
        command.Parameters.Add(new NpgsqlParameter { Value = schema });
        command.Parameters.Add(new NpgsqlParameter { Value = table });
        var names = new List<string>();
        await using var reader = await command.ExecuteReaderAsync(cancel);
        while (await reader.ReadAsync(cancel))
        {
            names.Add(reader.GetString(0));
        }
        return names;
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

    private async Task<Settled> Read(NpgsqlConnection connection, long after, IReadOnlyList<string> types, CancellationToken cancel)
    {
        await using var command = new NpgsqlCommand($"SELECT * FROM {schema}.ap_read($1, $2, $3)", connection);
        command.Parameters.Add(new NpgsqlParameter { Value = after });
        command.Parameters.Add(new NpgsqlParameter { NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Text, Value = types.ToArray() });
        command.Parameters.Add(new NpgsqlParameter { Value = BatchSize });
        await using var reader = await command.ExecuteReaderAsync(cancel);
        return await Settled.Read(reader, cancel);
    }

    private async Task Fold(NpgsqlConnection connection, Projection projection, string table, IEnumerable<Stored> events, CancellationToken cancel)
    {
        var ours = events.Where(e => projection.Types.Contains(EventNames.Of(e.Event))).ToList();
        var keys = ours.SelectMany(projection.Changes).Select(c => c.Key).Distinct().ToArray();
        if (keys.Length == 0)
        {
            return;
        }
        var folding = new Folding(projection, await Load(connection, table, keys, cancel));
        foreach (var stored in ours)
        {
            folding.Apply(stored);
        }
        var kept = folding.Changed.Where(r => r.Value.Row is not null).ToList();
        await Execute(
            connection,
            $"INSERT INTO {schema}.{table} (key, row, position) SELECT k, r::jsonb, p FROM unnest($1, $2, $3) t (k, r, p) " +
            "ON CONFLICT (key) DO UPDATE SET row = excluded.row, position = excluded.position",
            cancel, kept.Select(r => r.Key).ToArray(), kept.Select(r => r.Value.Row!).ToArray(), kept.Select(r => r.Value.Position).ToArray());
        var gone = folding.Changed.Where(r => r.Value.Row is null).Select(r => r.Key).ToArray();
        if (gone.Length > 0)
        {
            await Execute(connection, $"DELETE FROM {schema}.{table} WHERE key = ANY ($1)", cancel, (object)gone);
        }
    }

    private async Task<Dictionary<string, FoldedRow>> Load(NpgsqlConnection connection, string table, string[] keys, CancellationToken cancel)
    {
        var rows = new Dictionary<string, FoldedRow>(StringComparer.Ordinal);
        await using var command = new NpgsqlCommand($"SELECT key, row::text, position FROM {schema}.{table} WHERE key = ANY ($1)", connection);
        command.Parameters.Add(new NpgsqlParameter { Value = keys });
        await using var reader = await command.ExecuteReaderAsync(cancel);
        while (await reader.ReadAsync(cancel))
        {
            rows[reader.GetString(0)] = new FoldedRow(reader.GetString(1), reader.GetInt64(2));
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

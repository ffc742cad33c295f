using Npgsql;
using NpgsqlTypes;

namespace AccessPlane.Projections;

/// <summary>What is known of one read model's table.</summary>
/// <param name="Shape">As its rows are.</param>
/// <param name="Readable">Whether this version can read them.</param>
/// <param name="Becoming">The shape that it is being folded into, beside; null where it stays as it is.</param>
/// <param name="Position">Everything up to here is shown.</param>
/// <param name="Rebuilt">How far the table is that is folded beside it; null where none is.</param>
internal sealed record TableState(string Shape, bool Readable, string? Becoming, long Position, long? Rebuilt)
{
    /// <summary>Whether this version keeps it up with the log: its own, and another's that it can read until its own is there.</summary>
    public bool IsKeptBy(Projection projection) => Shape == projection.Shape || (Readable && Becoming == projection.Shape);
}

/// <summary>The SQL of read models' tables: their making, their rows, how far they are.</summary>
internal sealed class Tables(string schema)
{
    public async Task MakeStates(NpgsqlConnection connection, CancellationToken cancel)
    {
        await using var look = Command(connection, $"SELECT EXISTS (SELECT FROM pg_attribute WHERE attrelid = to_regclass('{schema}.ap_projections') AND attname = 'rebuilt')", []);
        if ((bool)(await look.ExecuteScalarAsync(cancel))!)
        {
            return; // to add what is there already would wait for everybody who reads it
        }
        await Execute(connection, $"CREATE TABLE IF NOT EXISTS {schema}.ap_projections (name text NOT NULL PRIMARY KEY, shape text NOT NULL)", cancel);
        await Execute(
            connection,
            $"ALTER TABLE {schema}.ap_projections ADD COLUMN IF NOT EXISTS lines text[] NOT NULL DEFAULT '{{}}', ADD COLUMN IF NOT EXISTS becoming text, " +
            "ADD COLUMN IF NOT EXISTS rebuilt bigint", cancel);
    }

    /// <summary>The states of all that have one.</summary>
    public async Task<Dictionary<Projection, TableState>> States(NpgsqlConnection connection, IReadOnlyList<Projection> projections, CancellationToken cancel)
    {
        var byName = projections.ToDictionary(p => p.Name, StringComparer.Ordinal);
        var states = new Dictionary<Projection, TableState>();
        await using var command = Command(
            connection,
            $"SELECT t.name, t.shape, t.lines, t.becoming, coalesce(p.last_seq_id, 0), t.rebuilt FROM {schema}.ap_projections t " +
            $"LEFT JOIN {schema}.mt_event_progression p ON p.name = 'projection/' || t.name WHERE t.name = ANY ($1)", [byName.Keys.ToArray()]);
        await using var reader = await command.ExecuteReaderAsync(cancel);
        while (await reader.ReadAsync(cancel))
        {
            var (projection, shape) = (byName[reader.GetString(0)], reader.GetString(1));
            states[projection] = new TableState(
                shape, shape == projection.Shape || projection.Rows.Reads(reader.GetFieldValue<string[]>(2)), reader.IsDBNull(3) ? null : reader.GetString(3),
                reader.GetInt64(4), reader.IsDBNull(5) ? null : reader.GetInt64(5));
        }
        return states;
    }

    /// <summary>The table in the projection's place is of its own shape from now on.</summary>
    public Task HasShape(NpgsqlConnection connection, Projection projection, CancellationToken cancel) => Execute(
        connection,
        $"INSERT INTO {schema}.ap_projections (name, shape, lines) VALUES ($1, $2, $3) " +
        "ON CONFLICT (name) DO UPDATE SET shape = excluded.shape, lines = excluded.lines, becoming = NULL, rebuilt = NULL",
        cancel, projection.Name, projection.Shape, projection.Rows.Lines.ToArray());

    /// <summary>What is in the projection's place, if anything, stays until the other shape is folded.</summary>
    public Task Becomes(NpgsqlConnection connection, Projection projection, CancellationToken cancel) => Execute(
        connection,
        $"INSERT INTO {schema}.ap_projections (name, shape, becoming, rebuilt) VALUES ($1, '', $2, 0) " +
        "ON CONFLICT (name) DO UPDATE SET becoming = excluded.becoming, rebuilt = 0",
        cancel, projection.Name, projection.Shape);

    /// <param name="position">How far the table beside is; null where there is none.</param>
    public Task IsRebuilt(NpgsqlConnection connection, Projection projection, long? position, CancellationToken cancel) => Execute(
        connection, $"UPDATE {schema}.ap_projections SET rebuilt = $2 WHERE name = $1", cancel, projection.Name,
        new NpgsqlParameter { Value = (object?)position ?? DBNull.Value, NpgsqlDbType = NpgsqlDbType.Bigint });

    /// <summary>Without indexes, so that it is filled quickly.</summary>
    public Task Make(NpgsqlConnection connection, Projection projection, string table, CancellationToken cancel)
    {
        var columns = string.Concat(projection.Columns.Select(c => $", {c}"));
        return Execute(
            connection, $"CREATE TABLE {schema}.{table} (key text COLLATE \"C\" NOT NULL PRIMARY KEY, row jsonb NOT NULL, position bigint NOT NULL{columns})", cancel);
    }

    public async Task Index(NpgsqlConnection connection, Projection projection, string table, CancellationToken cancel)
    {
        foreach (var (name, definition) in projection.Indexes)
        {
            await Execute(connection, $"CREATE INDEX ix_{table}_{name} ON {schema}.{table} {definition}", cancel);
        }
        await Execute(connection, $"ANALYZE {schema}.{table}", cancel);
    }

    public Task Drop(NpgsqlConnection connection, string table, CancellationToken cancel) => Execute(connection, $"DROP TABLE IF EXISTS {schema}.{table}", cancel);

    /// <summary>Puts a table in the projection's place: afterwards it looks as if it had always been there.</summary>
    public async Task Replace(NpgsqlConnection connection, Projection projection, string beside, CancellationToken cancel)
    {
        await Drop(connection, projection.Table, cancel);
        await Execute(connection, $"ALTER TABLE {schema}.{beside} RENAME TO {projection.Table}", cancel);
        await Execute(connection, $"ALTER INDEX {schema}.{beside}_pkey RENAME TO {projection.Table}_pkey", cancel);
        foreach (var (name, _) in projection.Indexes)
        {
            await Execute(connection, $"ALTER INDEX {schema}.ix_{beside}_{name} RENAME TO ix_{projection.Table}_{name}", cancel);
        }
    }

    /// <summary>A page of the settled log.</summary>
    public async Task<Settled> Read(NpgsqlConnection connection, long after, IEnumerable<string> types, int most, CancellationToken cancel)
    {
        await using var command = Command(connection, $"SELECT * FROM {schema}.ap_read($1, $2, $3)", [after, types.ToArray(), most]);
        await using var reader = await command.ExecuteReaderAsync(cancel);
        return await Settled.Read(reader, cancel);
    }

    public static async Task<DateTime> ServerStarted(NpgsqlConnection connection, CancellationToken cancel)
    {
        await using var command = Command(connection, "SELECT pg_postmaster_start_time()", []);
        return (DateTime)(await command.ExecuteScalarAsync(cancel))!;
    }

    public async Task<bool> IsLogEmpty(NpgsqlConnection connection, CancellationToken cancel)
    {
        await using var command = Command(connection, $"SELECT NOT EXISTS (SELECT FROM {schema}.mt_events)", []);
        return (bool)(await command.ExecuteScalarAsync(cancel))!;
    }

    /// <summary>Folds what is told into a table.</summary>
    public async Task Fold(NpgsqlConnection connection, Projection projection, string table, IEnumerable<Told> told, CancellationToken cancel)
    {
        var keys = told.SelectMany(t => t.Changes).Select(c => c.Key).Distinct().ToArray();
        if (keys.Length == 0)
        {
            return;
        }
        var folding = new Folding(projection, await Load(connection, table, keys, cancel));
        foreach (var (position, changes) in told)
        {
            folding.Apply(position, changes);
        }
        var changed = folding.Changed.ToList();
        var kept = changed.Where(r => r.Value.Row is not null).ToList();
        await Execute(
            connection,
            $"INSERT INTO {schema}.{table} (key, row, position) SELECT k, r::jsonb, p FROM unnest($1, $2, $3) t (k, r, p) " +
            "ON CONFLICT (key) DO UPDATE SET row = excluded.row, position = excluded.position",
            cancel, kept.Select(r => r.Key).ToArray(), kept.Select(r => r.Value.Row!).ToArray(), kept.Select(r => r.Value.Position).ToArray());
        var gone = changed.Where(r => r.Value.Row is null).Select(r => r.Key).ToArray();
        if (gone.Length > 0)
        {
            await Execute(connection, $"DELETE FROM {schema}.{table} WHERE key = ANY ($1)", cancel, [gone]);
        }
    }

    public Task StoreCheckpoints(NpgsqlConnection connection, IEnumerable<Projection> projections, long position, CancellationToken cancel) => Execute(
        connection,
        $"INSERT INTO {schema}.mt_event_progression (name, last_seq_id, last_updated) SELECT n, $2, transaction_timestamp() FROM unnest($1) n " +
        "ON CONFLICT (name) DO UPDATE SET last_seq_id = excluded.last_seq_id, last_updated = excluded.last_updated",
        cancel, projections.Select(p => $"projection/{p.Name}").ToArray(), position);

    public static async Task Execute(NpgsqlConnection connection, string sql, CancellationToken cancel, params object[] values)
    {
        await using var command = Command(connection, sql, values);
        command.CommandTimeout = 0; // an index of a large table takes its time
        await command.ExecuteNonQueryAsync(cancel);
    }

    public static NpgsqlCommand Command(NpgsqlConnection connection, string sql, object[] values)
    {
        var command = new NpgsqlCommand(sql, connection);
        foreach (var value in values)
        {
            command.Parameters.Add(value as NpgsqlParameter ?? new NpgsqlParameter { Value = value });
        }
        return command;
    }

    private async Task<Dictionary<string, FoldedRow>> Load(NpgsqlConnection connection, string table, string[] keys, CancellationToken cancel)
    {
        var rows = new Dictionary<string, FoldedRow>(StringComparer.Ordinal);
        await using var command = Command(connection, $"SELECT key, row::text, position FROM {schema}.{table} WHERE key = ANY ($1)", [keys]);
        await using var reader = await command.ExecuteReaderAsync(cancel);
        while (await reader.ReadAsync(cancel))
        {
            rows[reader.GetString(0)] = new FoldedRow(reader.GetString(1), reader.GetInt64(2));
        }
        return rows;
    }
}

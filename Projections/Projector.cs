using Npgsql;

namespace AccessPlane.Projections;

/// <summary>
/// Folds the log into the read models. A batch's rows and its checkpoint are committed together, so that no event counts twice; the commit is not
/// waited for on disk, because whatever a crash takes is folded again from the checkpoint that went with it.
/// </summary>
public sealed class Projector(NpgsqlDataSource database, IReadOnlyList<Projection> projections, string schema = "accessplane")
{
    private const int BatchSize = 1000;
    private readonly Tables tables = new(schema);
    private readonly PagesAhead pages = new(database, new Tables(schema), BatchSize);
    private readonly Lock guard = new();
    private TaskCompletionSource advanced = New();
    private long reached;

    public IReadOnlyList<Projection> Projections => projections;

    /// <summary>Makes the tables where they are missing. Those of another shape stay until <see cref="Reshape"/> has folded their successors.</summary>
    public async Task CreateTables(CancellationToken cancel)
    {
        await using var connection = await database.OpenConnectionAsync(cancel);
        await using var transaction = await connection.BeginTransactionAsync(cancel);
        await Tables.Execute(connection, "SELECT pg_advisory_xact_lock(hashtextextended('accessplane/projections/tables', 0))", cancel);
        await tables.MakeStates(connection, cancel);
        var (states, empty) = (await tables.States(connection, projections, cancel), await tables.IsLogEmpty(connection, cancel));
        foreach (var projection in projections)
        {
            if (empty && !states.ContainsKey(projection))
            {
                await tables.Make(connection, projection, projection.Table, cancel);
                await tables.Index(connection, projection, projection.Table, cancel);
                await tables.HasShape(connection, projection, cancel);
            }
            else if (states.GetValueOrDefault(projection)?.Shape != projection.Shape)
            {
                await tables.Becomes(connection, projection, cancel);
            }
            // else as it should be: a start beside running replicas takes no lock that their readers would wait for
        }
        await transaction.CommitAsync(cancel);
    }

    /// <summary>Folds the read models anew whose tables have another shape, or are not there; beside, as a rebuild on request is.</summary>
    public async Task Reshape(CancellationToken cancel)
    {
        var states = await States(cancel);
        foreach (var projection in projections.Where(p => states[p].Shape != p.Shape && states[p].Becoming == p.Shape))
        {
            await Rebuild(projection, onlyToOtherShape: true, cancel);
        }
    }

    /// <summary>
    /// Folds a read model anew into a table beside it, and puts that in its place when it has come as far: meanwhile the old one is read and kept up.
    /// </summary>
    public Task Rebuild(Projection projection, CancellationToken cancel) => Rebuild(projection, onlyToOtherShape: false, cancel);

    private async Task Rebuild(Projection projection, bool onlyToOtherShape, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(projection);
        await new Rebuild(database, tables, projection, schema, LockKey).Run(onlyToOtherShape, cancel);
        Advance(0);
    }

    /// <summary>Folds what is settled and not folded yet, up to a batch for each read model. One replica at a time does; another's call waits for its turn, and not for long.</summary>
    /// <returns>Whether there may be more to do at once.</returns>
    public async Task<bool> CatchUp(CancellationToken cancel)
    {
        await using var connection = await database.OpenConnectionAsync(cancel);
        await using var transaction = await connection.BeginTransactionAsync(cancel);
        if (!await Lock(connection, cancel))
        {
            return false;
        }
        var states = await tables.States(connection, projections, cancel);
        var kept = projections.Where(p => states[p].IsKeptBy(p)).ToList();
        if (kept.Count == 0)
        {
            return false;
        }
        var from = kept.Min(p => states[p].Position);
        // those that are ahead wait for the rest; a page is read once for all
        var behind = kept.Where(p => states[p].Position == from).ToList();
        var upTo = kept.Except(behind).Select(p => states[p].Position).DefaultIfEmpty(long.MaxValue).Min();
        var page = await pages.Read(connection, from, behind, cancel);
        var now = Math.Min(upTo, page.Log.Position);
        if (now > from)
        {
            foreach (var projection in behind)
            {
                await tables.Fold(connection, projection, projection.Table, page.Told[projection].Where(t => t.Position <= now), cancel);
            }
            await tables.StoreCheckpoints(connection, behind, now, cancel);
            await transaction.CommitAsync(cancel);
        }
        // what is known here speaks for all of them, or for none
        Advance(kept.Count == projections.Count ? Math.Min(now, upTo) : 0);
        return page.Log.More || now == upTo;
    }

    public async Task<IReadOnlyList<ProjectionStatus>> Status(CancellationToken cancel)
    {
        var states = await States(cancel);
        return [.. projections.Select(p => new ProjectionStatus(p.Name, states[p].Position, states[p].Rebuilt, states[p].Readable))];
    }

    private async Task<Dictionary<Projection, TableState>> States(CancellationToken cancel)
    {
        await using var connection = await database.OpenConnectionAsync(cancel);
        return await tables.States(connection, projections, cancel);
    }

    /// <summary>Waits until read models show everything up to a position; by whichever replica's work.</summary>
    /// <returns>The one that does not within the time, where one does not.</returns>
    public async Task<ProjectionStatus?> Behind(
        IReadOnlyCollection<Projection> needed, long position, TimeSpan within, TimeProvider clock, CancellationToken cancel)
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
                return null;
            }
            var behind = (await Status(cancel)).Where(s => needed.Any(p => p.Name == s.Name) && !(s.Readable && s.Position >= position)).MinBy(s => (s.Readable, s.Position));
            if (behind is null || patience.IsCancellationRequested)
            {
                return behind;
            }
            // another replica may be the one at work: looked at again soon even when nothing happens here
            await Task.WhenAny(next, Task.Delay(TimeSpan.FromMilliseconds(20), clock, cancel));
            cancel.ThrowIfCancellationRequested();
        }
    }

    private string LockKey => $"hashtextextended('{schema}/projections', 0)";

    /// <summary>Waits for a turn: whoever has it for a moment (to put a table in its place, say) must not cost the others their whole poll.</summary>
    private async Task<bool> Lock(NpgsqlConnection connection, CancellationToken cancel)
    {
        try
        {
            await Tables.Execute(
                connection, $"SET LOCAL synchronous_commit = off; SET LOCAL lock_timeout = '1s'; SELECT pg_advisory_xact_lock({LockKey}); SET LOCAL lock_timeout = 0", cancel);
            return true;
        }
        catch (PostgresException busy) when (busy.SqlState == PostgresErrorCodes.LockNotAvailable)
        {
            return false;
        }
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
/// <param name="Rebuilt">How far the table is that is folded beside it, from the log's beginning; null where none is.</param>
/// <param name="Readable">Whether it can be read now: what another version left may not be, until it is folded anew.</param>
public sealed record ProjectionStatus(string Name, long Position, long? Rebuilt, bool Readable);

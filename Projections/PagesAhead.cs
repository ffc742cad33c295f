using AccessPlane.Contracts;
using Npgsql;

namespace AccessPlane.Projections;

/// <summary>A page of the log, and what it tells each read model.</summary>
/// <param name="Server">When the database's server started that it was read from.</param>
internal sealed record Page(Settled Log, IReadOnlyDictionary<Projection, IReadOnlyList<Told>> Told, DateTime Server);

/// <summary>
/// Pages of the log for read models, the next one read while one is folded: reading it is this process's work, folding it the database's.
/// What is settled does not change, so that what was read early is what would be read late — at the same server. For one caller at a time.
/// </summary>
internal sealed class PagesAhead(NpgsqlDataSource database, Tables tables, int most)
{
    private (long After, IReadOnlyList<Projection> For, Task<Page> Page)? ahead;

    /// <param name="connection">The one that stores how far the caller has come.</param>
    public async Task<Page> Read(NpgsqlConnection connection, long after, IReadOnlyList<Projection> projections, CancellationToken cancel)
    {
        // a failure is told to whoever would have got the page, and not to the next one as well
        var next = ahead;
        ahead = null;
        var page = next is { } ready && ready.After == after && ready.For.SequenceEqual(projections) ? await ready.Page : null;
        // INVARIANT: another server may have taken over that never had the last events: their numbers are given once more there
        if (page is null || page.Server != await Tables.ServerStarted(connection, cancel))
        {
            page = await Read(connection, after, projections, default, cancel);
        }
        if (page.Log.More)
        {
            ahead = (page.Log.Position, projections, Begin(page.Log.Position, projections, cancel));
        }
        return page;
    }

    private Task<Page> Begin(long after, IReadOnlyList<Projection> projections, CancellationToken cancel) => Task.Run(
        async () =>
        {
            await using var connection = await database.OpenConnectionAsync(cancel);
            return await Read(connection, after, projections, await Tables.ServerStarted(connection, cancel), cancel);
        }, cancel);

    private async Task<Page> Read(NpgsqlConnection connection, long after, IReadOnlyList<Projection> projections, DateTime server, CancellationToken cancel)
    {
        var page = await tables.Read(connection, after, projections.SelectMany(p => p.Types).Distinct(), most, cancel);
        return new Page(page, projections.ToDictionary(p => p, p => Told.By(p, page.Events)), server);
    }
}

/// <summary>What an event at a position changes in a read model.</summary>
internal sealed record Told(long Position, IReadOnlyList<Change> Changes)
{
    /// <summary>Events that change nothing are left out.</summary>
    public static IReadOnlyList<Told> By(Projection projection, IEnumerable<Stored> events) =>
        [.. events.Where(projection.Folds).Select(e => new Told(e.Position, [.. projection.Changes(e)])).Where(t => t.Changes.Count > 0)];
}

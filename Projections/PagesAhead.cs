using AccessPlane.Contracts;
using Npgsql;

namespace AccessPlane.Projections;

/// <summary>A page of the log, and what it tells each read model.</summary>
internal sealed record Page(Settled Log, IReadOnlyDictionary<Projection, IReadOnlyList<Told>> Told);

/// <summary>
/// Pages of the log for read models, the next one read while one is folded: reading it is this process's work, folding it the database's.
/// What is settled does not change, so that what was read early is what would be read late. For one caller at a time.
/// </summary>
internal sealed class PagesAhead(NpgsqlDataSource database, Tables tables, int most)
{
    private (long After, IReadOnlyList<Projection> For, Task<Page> Page)? ahead;

    public async Task<Page> Read(long after, IReadOnlyList<Projection> projections, CancellationToken cancel)
    {
        // a failure is told to whoever would have got the page, and not to the next one as well
        var (ready, matches) = (ahead, ahead is { } next && next.After == after && next.For.SequenceEqual(projections));
        ahead = null;
        var page = await (matches ? ready!.Value.Page : Begin(after, projections, cancel));
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
            var page = await tables.Read(connection, after, projections.SelectMany(p => p.Types).Distinct(), most, cancel);
            return new Page(page, projections.ToDictionary(p => p, p => Told.By(p, page.Events)));
        }, cancel);
}

/// <summary>What an event at a position changes in a read model.</summary>
internal sealed record Told(long Position, IReadOnlyList<Change> Changes)
{
    /// <summary>Events that change nothing are left out.</summary>
    public static IReadOnlyList<Told> By(Projection projection, IEnumerable<Stored> events) =>
        [.. events.Where(projection.Folds).Select(e => new Told(e.Position, [.. projection.Changes(e)])).Where(t => t.Changes.Count > 0)];
}

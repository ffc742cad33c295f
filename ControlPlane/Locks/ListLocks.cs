using AccessPlane.ControlPlane.Http;

namespace AccessPlane.ControlPlane.Locks;

/// <summary>The locks that hold now, for admins and auditors.</summary>
public static class ListLocks
{
    public static void Map(IEndpointRouteBuilder routes) => routes.MapGet("/locks", Answer)
        .WithName("ListLocks").WithSummary("Locks in force").Produces<LockList>();

    private static async Task<IResult> Answer(HttpContext http, LockSource locks, TimeProvider clock, CancellationToken cancel)
    {
        if (!http.Caller().SeesAll())
        {
            return Problems.Of("auditors-only", "locks are for auditors and admins");
        }
        var now = clock.GetUtcNow();
        return Results.Ok(new LockList([.. (await locks.Current(cancel)).All.Where(l => ActiveLocks.Holds(l.Order, now)).OrderBy(l => l.Order.Lock).Select(LockAnswer.Of)]));
    }
}

public sealed record LockList(IReadOnlyList<LockAnswer> Items);

using AccessPlane.ControlPlane.EventStore;
using AccessPlane.ControlPlane.Grants;
using AccessPlane.ControlPlane.Http;
using AccessPlane.Projections;

namespace AccessPlane.ControlPlane.Sessions;

/// <summary>Sessions, newest first: one's own, those of a grant whose review one owes, or, for auditors, all.</summary>
public static class ListSessions
{
    public static void Map(IEndpointRouteBuilder routes) => routes.MapGet("/sessions", Answer)
        .TakesQuery("state", "resource", "grant", "mine", "after", "limit")
        .WithName("ListSessions").WithSummary("Sessions")
        .WithDescription("Filters: `state`, `resource`, `grant`, `mine=true`. Paging: `after`, `limit`.").Produces<Page<SessionRow>>();

    private static async Task<IResult> Answer(
        HttpContext http, Rows rows, Projections.Sessions sessions, ReviewsOwed owed, ReadBarrier barrier, CancellationToken cancel)
    {
        var ask = new ListQuery(http);
        var caller = http.Caller();
        var reviewed = ask.Id("grant") is { } under && await owed.Are(under, caller.Actor, cancel);
        List<Condition> conditions = [.. reviewed && !ask.Flag("mine") ? [] : caller.Own("holder", ask.Flag("mine"))];
        if (ask.Text("state") is { } state)
        {
            conditions.Add(new Condition("state = ?", state));
        }
        if (ask.Text("resource") is { } resource)
        {
            conditions.Add(new Condition("resource = ?", resource));
        }
        if (ask.Id("grant") is { } grant)
        {
            conditions.Add(new Condition("grant_id = ?", grant.ToString("D")));
        }
        var query = new Query(conditions, ask.After, ask.Limit);
        if (ask.WhyNot() is { } wrong)
        {
            return wrong;
        }
        await barrier.CaughtUp([sessions], cancel);
        return Results.Ok(await rows.List(sessions, query, row => reviewed || caller.Sees(row.Holder) ? row : null, cancel));
    }
}

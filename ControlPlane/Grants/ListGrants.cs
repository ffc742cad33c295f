using AccessPlane.ControlPlane.Agents;
using AccessPlane.ControlPlane.EventStore;
using AccessPlane.ControlPlane.Http;
using AccessPlane.ControlPlane.Policies;
using AccessPlane.Projections;

namespace AccessPlane.ControlPlane.Grants;

/// <summary>Grants, newest first: one's own, those one may revoke or whose review one owes, or, for auditors, all.</summary>
public static class ListGrants
{
    public static void Map(IEndpointRouteBuilder routes) => routes.MapGet("/grants", Answer)
        .TakesQuery("state", "resource", "mine", "awaiting", "after", "limit")
        .WithName("ListGrants").WithSummary("Grants").WithDescription(
            "Filters: `state`, `resource`, `mine=true`, `awaiting=me` (break-glass access, over or not, that you may review now). Paging: `after`, `limit`.")
        .Produces<Page<GrantView>>();

    private static async Task<IResult> Answer(
        HttpContext http, Rows rows, GrantsByHolder grants, AgentHealth agents, AgentAcks acks, ReviewsOwed owed, ReadBarrier barrier, PolicySource policy,
        TimeProvider clock, CancellationToken cancel)
    {
        var ask = new ListQuery(http);
        var (caller, now) = (http.Caller(), clock.GetUtcNow());
        var (state, resource, mine, awaiting, limit) = (ask.Text("state"), ask.Text("resource"), ask.Flag("mine"), ask.Awaiting, ask.Limit);
        if (ask.WhyNot() is { } wrong)
        {
            return wrong;
        }
        await barrier.CaughtUp([grants, agents], cancel);
        var model = (await policy.Current(cancel)).Model;
        var serving = (await rows.List(agents, new Query([], null, Rows.MaxPage), cancel)).Items;
        var progress = await acks.Status(cancel);
        List<Condition> conditions = mine ? [new Condition("holder = ?", caller.Actor.Key)] : [];
        if (awaiting)
        {
            conditions.Add(new Condition("key = ANY(?)", (await owed.To(caller.Actor, cancel)).Select(g => g.ToString("D")).ToArray()));
        }
        var page = await rows.List(
            grants, new Query(conditions, ask.After, limit),
            row => (state is null || row.At(now).State == state) && (resource is null || row.Resource == resource) && GetGrant.MaySee(row, caller, model)
                ? GrantView.Of(row, serving, progress, model, now)
                : null,
            cancel);
        return Results.Ok(page);
    }
}

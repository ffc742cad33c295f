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
        List<Condition> conditions = mine ? [new Condition("holder = ?", caller.Actor.Key)] : [];
        if (awaiting)
        {
            var owing = await owed.To(caller.Actor, cancel);
            if (owing.Count == 0)
            {
                return Results.Ok(new Page<GrantView>([], null)); // as it is for almost everybody, whose pages ask for it again and again
            }
            conditions.Add(new Condition("key = ANY(?)", owing.Select(g => g.ToString("D")).ToArray()));
        }
        await barrier.CaughtUp([grants, agents], cancel);
        var model = (await policy.Current(cancel)).Model;
        var serving = (await rows.List(agents, new Query([], null, Rows.MaxPage), cancel)).Items;
        var progress = await acks.Status(cancel);
        var page = await rows.List(
            grants, new Query(conditions, ask.After, limit),
            row => (state is null || row.At(now).State == state) && (resource is null || row.Resource == resource) && (awaiting || GetGrant.MaySee(row, caller, model))
                ? GrantView.Of(row, serving, progress, model, now)
                : null,
            cancel);
        return Results.Ok(page);
    }
}

using AccessPlane.Contracts.Policy;
using AccessPlane.ControlPlane.EventStore;
using AccessPlane.ControlPlane.Http;
using AccessPlane.ControlPlane.Policies;
using AccessPlane.Projections;

namespace AccessPlane.ControlPlane.AccessRequests;

/// <summary>Requests, newest first: one's own, those that await one's review, or, for auditors, all.</summary>
public static class ListRequests
{
    public static void Map(IEndpointRouteBuilder routes) => routes.MapGet("/requests", Answer)
        .TakesQuery("state", "resource", "mine", "awaiting", "after", "limit")
        .WithName("ListRequests").WithSummary("Access requests").WithDescription(
            "Filters: `state`, `resource`, `mine=true`, `awaiting=me` (those that you may review now). Paging: `after`, `limit`.")
        .Produces<Page<RequestRow>>();

    private static async Task<IResult> Answer(
        HttpContext http, Rows rows, Requests all, PendingApprovals pending, ReadBarrier barrier, PolicySource policy, TimeProvider clock,
        CancellationToken cancel)
    {
        var ask = new ListQuery(http);
        var (caller, awaiting, now) = (http.Caller(), ask.Awaiting, clock.GetUtcNow());
        var (state, resource, mine, limit) = (ask.Text("state"), ask.Text("resource"), ask.Flag("mine"), ask.Limit);
        if (ask.WhyNot() is { } wrong)
        {
            return wrong;
        }
        await barrier.CaughtUp([awaiting ? pending : all], cancel);
        var model = (await policy.Current(cancel)).Model;
        // expiry is a matter of the moment: states are compared as of now
        RequestRow? See(RequestRow row) =>
            row.At(now) is var seen && (state is null || seen.State == state) && (resource is null || seen.Resource == resource) &&
            (!mine || seen.Requester.Key == caller.Actor.Key) && (awaiting ? Awaits(seen) : GetRequest.MaySee(seen, caller, model))
                ? seen
                : null;
        bool Awaits(RequestRow row) => row.State == "Submitted" && row.Step < row.Steps.Count &&
            model.WhyNotReview(row.Steps[row.Step].Step, row.Requester, caller.Actor) is null &&
            !row.Steps.SelectMany(s => s.Reviews).Any(r => !r.Lapsed && model.SamePerson(r.Reviewer.Key, caller.Actor.Key));
        var query = new Query(mine ? [new Condition("requester = ?", caller.Actor.Key)] : [], ask.After, limit);
        return Results.Ok(awaiting
            ? await rows.List(pending, query with { Conditions = [] }, See, cancel)
            : await rows.List(all, query, See, cancel));
    }
}

using AccessPlane.Contracts.Policy;
using AccessPlane.ControlPlane.EventStore;
using AccessPlane.ControlPlane.Http;
using AccessPlane.ControlPlane.Policies;
using AccessPlane.Projections;

namespace AccessPlane.ControlPlane.Holds;

/// <summary>Holds, newest first: one's own, those that await one's verdict, or, for auditors, all.</summary>
public static class ListHolds
{
    public static void Map(IEndpointRouteBuilder routes) => routes.MapGet("/holds", Answer)
        .TakesQuery("state", "session", "awaiting", "after", "limit")
        .WithName("ListHolds").WithSummary("Operations that wait, or waited, for people").WithDescription(
            "Filters: `state`, `session`, `awaiting=me` (those that you may decide now). Paging: `after`, `limit`.")
        .Produces<Page<HoldRow>>();

    private static async Task<IResult> Answer(
        HttpContext http, Rows rows, HeldOperations holds, ReadBarrier barrier, PolicySource policy, TimeProvider clock, CancellationToken cancel)
    {
        var ask = new ListQuery(http);
        var (caller, awaiting, now) = (http.Caller(), ask.Awaiting, clock.GetUtcNow());
        var (state, session, limit) = (ask.Text("state"), ask.Id("session"), ask.Limit);
        if (ask.WhyNot() is { } wrong)
        {
            return wrong;
        }
        List<Condition> conditions = awaiting ? [new Condition("state = ?", "Waiting")] : [];
        if (session is { } id)
        {
            conditions.Add(new Condition("session = ?", id.ToString("D")));
        }
        await barrier.CaughtUp([holds], cancel);
        var model = (await policy.Current(cancel)).Model;
        // time is a matter of the moment: states are compared as of now
        HoldRow? See(HoldRow row) =>
            row.At(now) is var seen && (state is null || seen.State == state) && (awaiting ? Awaits(seen) : HoldAnswers.MaySee(seen, caller, model))
                ? seen
                : null;
        bool Awaits(HoldRow row) => row.State == "Waiting" && model.WhyNotReview(new ApprovalStep(row.From, row.Count), row.Holder, caller.Actor) is null &&
            !row.Reviews.Any(r => !r.Lapsed && model.SamePerson(r.Reviewer.Key, caller.Actor.Key));
        return Results.Ok(await rows.List(holds, new Query(conditions, ask.After, limit), See, cancel));
    }
}

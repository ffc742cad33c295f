using AccessPlane.Contracts.Policy;
using AccessPlane.ControlPlane.EventStore;
using AccessPlane.ControlPlane.Grants;
using AccessPlane.ControlPlane.Http;
using AccessPlane.ControlPlane.Policies;
using AccessPlane.Projections;

namespace AccessPlane.ControlPlane.AccessRequests;

/// <summary>One request, for its requester, for who may review it, for who is to review what was done with it, and for auditors.</summary>
public static class GetRequest
{
    public static void Map(IEndpointRouteBuilder routes) => routes.MapGet("/requests/{id:guid}", Answer)
        .WithName("GetRequest").WithSummary("One access request").Produces<RequestRow>();

    private static async Task<IResult> Answer(
        Guid id, HttpContext http, Rows rows, Requests requests, ReviewsOwed owed, ReadBarrier barrier, PolicySource policy, TimeProvider clock,
        CancellationToken cancel)
    {
        await barrier.CaughtUp([requests], cancel);
        var row = await rows.Find(requests, id.ToString("D"), cancel);
        return row is not null && (MaySee(row, http.Caller(), (await policy.Current(cancel)).Model) ||
            (row.GrantId is { } grant && await owed.Are(grant, http.Caller().Actor, cancel)))
            ? Answers.Ok(row.At(clock.GetUtcNow()), row.Version)
            : Problems.Of("no-such-request", "there is no such request");
    }

    internal static bool MaySee(RequestRow row, Caller caller, PolicyModel policy) =>
        caller.Sees(row.Requester) || row.Steps.Any(s => policy.WhyNotReview(s.Step, row.Requester, caller.Actor) is null);
}

using AccessPlane.Contracts.Policy;
using AccessPlane.ControlPlane.Agents;
using AccessPlane.ControlPlane.EventStore;
using AccessPlane.ControlPlane.Http;
using AccessPlane.ControlPlane.Policies;
using AccessPlane.Projections;

namespace AccessPlane.ControlPlane.Grants;

/// <summary>One grant, for its holder, for who may revoke it, and for auditors.</summary>
public static class GetGrant
{
    public static void Map(IEndpointRouteBuilder routes) => routes.MapGet("/grants/{id:guid}", Answer)
        .WithName("GetGrant").WithSummary("One grant").Produces<GrantView>();

    private static async Task<IResult> Answer(
        Guid id, HttpContext http, Rows rows, GrantsByHolder grants, AgentHealth agents, AgentAcks acks, ReviewsOwed owed, ReadBarrier barrier, PolicySource policy,
        TimeProvider clock, CancellationToken cancel)
    {
        await barrier.CaughtUp([grants, agents], cancel);
        var row = await rows.Find(grants, id.ToString("D"), cancel);
        var model = (await policy.Current(cancel)).Model;
        if (row is null || (!MaySee(row, http.Caller(), model) && !await owed.Are(id, http.Caller().Actor, cancel)))
        {
            return Problems.Of("no-such-grant", "there is no such grant");
        }
        var serving = await rows.List(agents, new Query([], null, Rows.MaxPage), cancel);
        return Answers.Ok(GrantView.Of(row, serving.Items, await acks.Status(cancel), model, clock.GetUtcNow()), row.Version);
    }

    internal static bool MaySee(GrantRow row, Caller caller, PolicyModel policy) =>
        caller.Sees(row.Holder) || (policy.Entitlement(row.Entitlement) is { } entitlement && policy.Approves(entitlement, caller.Actor));
}

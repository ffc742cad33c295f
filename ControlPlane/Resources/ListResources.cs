using AccessPlane.Contracts.Events;
using AccessPlane.Contracts.Identity;
using AccessPlane.Contracts.Policy;
using AccessPlane.ControlPlane.EventStore;
using AccessPlane.ControlPlane.Http;
using AccessPlane.ControlPlane.Policies;
using AccessPlane.Projections;

namespace AccessPlane.ControlPlane.Resources;

/// <summary>The resources of today's policy, with what the caller may ask for there.</summary>
public static class ListResources
{
    public static void Map(IEndpointRouteBuilder routes) => routes.MapGet("/resources", Answer)
        .WithName("ListResources").WithSummary("Resources, and what you may ask for").Produces<ResourceList>();

    private static async Task<IResult> Answer(
        HttpContext http, Rows rows, AgentHealth agents, PolicySource policy, MaskingSource masking, ReadBarrier barrier, CancellationToken cancel)
    {
        var caller = http.Caller();
        await barrier.CaughtUp([agents], cancel);
        var serving = (await rows.List(agents, new Query([], null, Rows.MaxPage), cancel)).Items.Where(a => a.State is "Enrolled" or "Silent").ToList();
        var model = (await policy.Current(cancel)).Model;
        var masks = await masking.Current(cancel);
        var offered = model.EntitlementsOf(caller.Actor).ToList();
        return Results.Ok(new ResourceList([.. model.Resources
            .Where(r => caller.SeesAll() || offered.Exists(e => e.Resource == r.Id))
            .Select(r => new ResourceView(
                r.Id, r.Kind, [.. offered.Where(e => e.Resource == r.Id).Select(Offer)],
                [.. serving.SelectMany(a => a.Endpoints).Where(e => e.Resource == r.Id)], masks.Summary(r),
                // people decide by it whether to ask; for a program it would be a list of what to try
                caller.Actor is { Kind: ActorKind.Person, Act.Count: 0 } ? Expectations.Of(model, r.Id, caller.Actor) : []))]));
    }

    private static OfferView Offer(Entitlement e) => new(
        e.Id, e.Scope, e.BreakGlass?.Duration ?? e.MaxDuration, e.Reason.Required, e.Reason.Reference, e.Approval?.Auto ?? true, e.BreakGlass is not null, e.Login,
        e.Approval?.Steps ?? [], e.MaxTotal, e.ActivateWithin, e.MaxConnections, e.BreakGlass?.ReviewWithin);
}

public sealed record ResourceList(IReadOnlyList<ResourceView> Items);

/// <param name="Entitlements">What the caller may ask for.</param>
/// <param name="Endpoints">Where agents serve it.</param>
/// <param name="Masking">Who hides columns: `wire` (the agent), or `server` (PostgreSQL) with `ready`, `planned: …`, `unavailable: …` or `not reported yet`.</param>
/// <param name="Rules">What the caller has to reckon with there, whichever of these they ask for; for people alone, and without what is only watched.</param>
public sealed record ResourceView(
    string Id, string Kind, IReadOnlyList<OfferView> Entitlements, IReadOnlyList<AgentEndpoint> Endpoints, string Masking, IReadOnlyList<Expectation> Rules);

/// <param name="Reference">A regular expression that the request's reference must match.</param>
/// <param name="Automatic">Approved at once.</param>
/// <param name="Login">What a session's login may do in the database; absent for whatever the agent's own credential may.</param>
/// <param name="Steps">Who approves, in this order; none where it is automatic.</param>
/// <param name="MaxTotal">With extensions.</param>
/// <param name="ActivateWithin">How long after its approval the grant may wait for its first use.</param>
/// <param name="MaxConnections">Of one ticket.</param>
/// <param name="ReviewWithin">Of break-glass: how soon somebody must have looked at it afterwards.</param>
public sealed record OfferView(
    string Id, Scope Scope, TimeSpan MaxDuration, bool ReasonRequired, string? Reference, bool Automatic, bool BreakGlass, LoginTerms? Login,
    IReadOnlyList<ApprovalStep> Steps, TimeSpan MaxTotal, TimeSpan ActivateWithin, int MaxConnections, TimeSpan? ReviewWithin);

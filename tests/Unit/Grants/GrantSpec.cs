using AccessPlane.Contracts;
using AccessPlane.Contracts.Events;
using AccessPlane.Contracts.Identity;
using AccessPlane.ControlPlane.AccessRequests;
using AccessPlane.ControlPlane.Grants;
using AccessPlane.ControlPlane.Policies;
using AccessPlane.Tests.Unit.Domain;

namespace AccessPlane.Tests.Unit.Grants;

/// <summary>Words for what happens to a grant.</summary>
public abstract class GrantSpec
{
    protected static readonly Guid Request = new("0199aaaa-0000-7000-8000-000000000001");

    protected static Situation<Grant> Given(params IEvent[] events) => new Specification<Grant>(Grant.Initial, Grant.Evolve).Given(events);

    /// <summary>The event of a grant that was approved at noon.</summary>
    protected static GrantIssued Issued(Actor holder, string entitlement = "read", string duration = "1h") =>
        (GrantIssued)((Outcome.Happened)SubmitRequest.Decide(
            AccessRequest.Initial, new Submission(Request, holder, entitlement, Durations.Parse(duration), "why not", "OPS-1", AutoApproving))).Streams[0].Events[0];

    /// <summary>A break-glass grant of noon, with the review that it owes.</summary>
    protected static IEvent[] Broken(Actor holder) =>
        [.. ((Outcome.Happened)SubmitRequest.Decide(
            AccessRequest.Initial, new Submission(Request, holder, "glass", null, null, null, World.Today))).Streams[0].Events];

    /// <summary>The event of its activation, at noon.</summary>
    protected static GrantActivated Activated(GrantIssued issued) =>
        new(World.Noon, World.Noon + issued.Duration, issued.Scope, issued.MaxConnections, issued.TokenLogin, 1);

    /// <summary>Today's policy, but nobody needs to approve.</summary>
    private static Circumstances AutoApproving { get; } = World.Today with
    {
        Policy = World.Today.Policy with
        {
            Model = World.Today.Model with
            {
                Entitlements = [.. World.Today.Model.Entitlements.Select(e => e.Approval is { } a ? e with { Approval = a with { Auto = true } } : e)],
            },
        },
    };
}

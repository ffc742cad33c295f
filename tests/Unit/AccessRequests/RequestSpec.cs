using AccessPlane.Contracts;
using AccessPlane.Contracts.Events;
using AccessPlane.Contracts.Identity;
using AccessPlane.ControlPlane.AccessRequests;
using AccessPlane.ControlPlane.Policies;
using AccessPlane.Tests.Unit.Domain;

namespace AccessPlane.Tests.Unit.AccessRequests;

/// <summary>Words for what happens to a request.</summary>
public abstract class RequestSpec
{
    protected static readonly Guid Request = new("0199aaaa-0000-7000-8000-000000000001");
    private static int reviews;

    protected static Situation<AccessRequest> Given(params IEvent[] events) =>
        new Specification<AccessRequest>(AccessRequest.Initial, AccessRequest.Evolve).Given(events);

    protected static Submission Asking(
        Actor who, string entitlement, string? duration = null, string? reason = "why not", string? reference = "OPS-1", Circumstances? world = null) =>
        new(Request, who, entitlement, duration is null ? null : Durations.Parse(duration), reason, reference, world ?? World.Today);

    /// <summary>The event of a request that was filed at noon.</summary>
    protected static RequestSubmitted Submitted(Actor who, string entitlement = "write", string duration = "20m", Circumstances? world = null) =>
        (RequestSubmitted)Given().When(s => SubmitRequest.Decide(s, Asking(who, entitlement, duration, world: world))).Events[0];

    protected static ReviewGiven Approved(Actor by, int step = 0) => new(NextReview(), by, ReviewVerdict.Approve, step, null);

    protected static Review Approval(Actor by, Circumstances? world = null, int? terms = null) =>
        new(NextReview(), by, ReviewVerdict.Approve, null, terms, world ?? World.Today.After("1m"));

    protected static Review Denial(Actor by, Circumstances? world = null) =>
        new(NextReview(), by, ReviewVerdict.Deny, "no", null, world ?? World.Today.After("1m"));

    private static Guid NextReview() => new(Interlocked.Increment(ref reviews), 0, 0x7000, 0x80, 0, 0, 0, 0, 0, 0, 0);
}

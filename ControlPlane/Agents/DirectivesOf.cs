using AccessPlane.Contracts;
using AccessPlane.Contracts.Events;
using AccessPlane.Contracts.Identity;
using AccessPlane.Contracts.Messages;

namespace AccessPlane.ControlPlane.Agents;

/// <summary>A directive before it is addressed and signed.</summary>
public sealed record Order(string Agent, string Kind, object Body);

/// <summary>What follows for the agents from an event. Pure.</summary>
public static class DirectivesOf
{
    /// <param name="before">What was known before the event: an ended grant's resource is told by it.</param>
    public static IEnumerable<Order> Event(Stored stored, AgentKnowledge before, AgentKnowledge after)
    {
        ArgumentNullException.ThrowIfNull(stored);
        ArgumentNullException.ThrowIfNull(before);
        ArgumentNullException.ThrowIfNull(after);
        return stored.Event switch
        {
            PolicyPublished => ToAll(after, DirectiveKinds.Policy, after.Policy),
            GrantActivated or GrantExtended or GrantNarrowed when after.Active.TryGetValue(stored.Stream, out var lease) =>
                To(after.Serving(lease.Resource), DirectiveKinds.Grant, lease),
            GrantRevoked r => Ended(stored.Stream, before, CauseOf(r), $"the grant was revoked by {r.By.Display}: {r.Why}"),
            GrantSurrendered => Ended(stored.Stream, before, "surrendered", "the grant was surrendered by its holder"),
            GrantExpired => Ended(stored.Stream, before, "expired", "the grant has expired: ask for access again"),
            ActivationRefused a => NotGranted(stored.Stream, before, "ActivationRefused", a.Why),
            ActivationLapsed => NotGranted(stored.Stream, before, "ActivationLapsed", "the grant was not activated in time: ask again"),
            TicketIssued t when after.Tickets.TryGetValue(t.Ticket, out var ticket) => To([t.Agent], DirectiveKinds.Ticket, ticket.Offer),
            LockPlaced l => ToAll(after, DirectiveKinds.Lock, new LockOrder(l.Lock, l.On, l.Reason, l.Until)),
            LockLifted l => ToAll(after, DirectiveKinds.LockLifted, new LockLift(l.Lock)),
            // the last thing it hears: nothing is served any more
            AgentRetired a => To([a.Agent], DirectiveKinds.Lock, new LockOrder(Ids.Agent(a.Agent), new LockTarget(Agent: a.Agent), "the agent was retired", null)),
            SessionTerminationOrdered o =>
                To([o.Agent], DirectiveKinds.Terminate, new TerminateOrder(o.Session, $"the session was ended by {o.By.Display}: {o.Why}")),
            HoldReleased or HoldRefused or HoldLapsed when after.Holds.TryGetValue(stored.Stream, out var hold) && hold.Decision is { } decision =>
                To([hold.Agent], DirectiveKinds.HoldDecided, decision),
            ResourceMaskingOrdered m => To(after.Serving(m.Resource), DirectiveKinds.MaskingApply, new MaskingApply(m.Resource, m.Database, m.Plan)),
            RequestDenied d => Closed(stored.Stream, before, "Denied", $"the request was denied by {d.Reviewer.Display}"),
            RequestExpired => Closed(stored.Stream, before, "Expired", "nobody approved the request in time"),
            RequestCancelled c => Closed(stored.Stream, before, "Cancelled", c.Why),
            _ => [],
        };
    }

    /// <summary>A lock's revocations are written by the product itself; people's name the person.</summary>
    private static string CauseOf(GrantRevoked revoked) =>
        revoked.By.Issuer != Actor.System("").Issuer ? "revoked"
        : revoked.Why.StartsWith("locked", StringComparison.Ordinal) ? "locked" : "policy";

    private static IEnumerable<Order> Ended(Guid grant, AgentKnowledge before, string cause, string why) =>
        before.Active.TryGetValue(grant, out var lease)
            ? To(before.Serving(lease.Resource), DirectiveKinds.GrantEnded, new GrantEnd(grant, cause, why))
            : NotGranted(grant, before, "Revoked", why);

    /// <summary>Clients may wait for a grant that was approved and never came into force.</summary>
    private static IEnumerable<Order> NotGranted(Guid grant, AgentKnowledge before, string state, string why) =>
        before.Approved.TryGetValue(grant, out var issued)
            ? To(before.Serving(issued.Resource), DirectiveKinds.RequestClosed, new RequestClosure(issued.Request, state, why))
            : [];

    private static IEnumerable<Order> Closed(Guid request, AgentKnowledge before, string state, string why) =>
        before.Waiting.TryGetValue(request, out var resource)
            ? To(before.Serving(resource), DirectiveKinds.RequestClosed, new RequestClosure(request, state, why))
            : [];

    private static IEnumerable<Order> ToAll(AgentKnowledge known, string kind, object body) => To(known.Agents.Keys, kind, body);

    private static IEnumerable<Order> To(IEnumerable<string> agents, string kind, object body) => agents.Select(a => new Order(a, kind, body));
}

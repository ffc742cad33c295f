using AccessPlane.Contracts;
using AccessPlane.Contracts.Events;
using AccessPlane.Contracts.Identity;
using AccessPlane.Contracts.Messages;
using AccessPlane.Contracts.Policy;
using AccessPlane.ControlPlane.Agents;
using Xunit;

namespace AccessPlane.Tests.Unit.Agent;

public sealed class DirectivesOfTests
{
    private static readonly DateTimeOffset Now = new(2026, 1, 31, 12, 0, 0, TimeSpan.Zero);
    private static readonly Actor Dba = AgentWorld.Engineer with { Subject = "dba", Name = "dba" };
    private static readonly Guid GrantId = Guid.CreateVersion7();
    private static readonly Guid Request = Guid.CreateVersion7();
    private static readonly Scope Scope = new(["orders"], ["select"]);
    private long position;
    private AgentKnowledge known = AgentKnowledge.Nothing;

    private List<Order> Then(IEvent e, Guid? stream = null)
    {
        var stored = new Stored(++position, stream ?? GrantId, 1, Guid.CreateVersion7(), Now, new EventContext(Dba, Guid.Empty), e);
        var after = AgentKnowledge.Fold(known, stored);
        var orders = DirectivesOf.Event(stored, known, after).ToList();
        known = after;
        return orders;
    }

    private void TwoAgents()
    {
        Assert.Empty(Then(new AgentEnrolled("a", ["orders"], "k", []), Ids.Agent("a")));
        Assert.Empty(Then(new AgentEnrolled("b", ["payroll"], "k", []), Ids.Agent("b")));
    }

    private void Granted()
    {
        TwoAgents();
        Assert.Empty(Then(new GrantIssued(GrantId, Request, AgentWorld.Engineer, "orders-read", "orders", Scope, TimeSpan.FromHours(1), Now, 5, TokenLogin.WorkloadsOnly, 1)));
        Then(new GrantActivated(Now, Now.AddHours(1), Scope, 5, TokenLogin.WorkloadsOnly, 1));
    }

    [Fact]
    public void A_grant_is_told_to_the_agents_of_its_resource_when_it_becomes_active_and_not_before()
    {
        TwoAgents();
        Assert.Empty(Then(new GrantIssued(GrantId, Request, AgentWorld.Engineer, "orders-read", "orders", Scope, TimeSpan.FromHours(1), Now, 5, TokenLogin.WorkloadsOnly, 1)));
        var order = Assert.Single(Then(new GrantActivated(Now, Now.AddHours(1), Scope, 5, TokenLogin.WorkloadsOnly, 1)));
        Assert.Equal(("a", DirectiveKinds.Grant), (order.Agent, order.Kind));
        Assert.Equal((Request, Now.AddHours(1)), (((GrantLease)order.Body).Request, ((GrantLease)order.Body).NotAfter));
        Assert.Equal(Now.AddHours(2), ((GrantLease)Assert.Single(Then(new GrantExtended(Guid.CreateVersion7(), Now.AddHours(2)))).Body).NotAfter);
    }

    [Fact]
    public void A_revocation_names_its_author_and_a_lock_is_told_apart()
    {
        Granted();
        var before = known;
        var end = (GrantEnd)Assert.Single(Then(new GrantRevoked(Dba, "incident"))).Body;
        Assert.Equal(("revoked", true), (end.Cause, end.Why.Contains("dba", StringComparison.Ordinal)));
        known = before;
        Assert.Equal("locked", ((GrantEnd)Assert.Single(Then(new GrantRevoked(Actor.System("grants"), "locked: incident"))).Body).Cause);
        Assert.Empty(known.Active);
    }

    [Fact]
    public void A_ticket_goes_to_its_one_agent_and_ends_with_its_grant()
    {
        Granted();
        var ticket = Assert.Single(Then(new TicketIssued("t_1", "a", "SCRAM", 1, Now.AddSeconds(60), "orders")));
        Assert.Equal(("a", DirectiveKinds.Ticket, GrantId), (ticket.Agent, ticket.Kind, ((TicketOffer)ticket.Body).Grant));
        Then(new GrantExpired(Now));
        Assert.Empty(known.Tickets);
    }

    [Fact]
    public void Policies_and_locks_go_to_everyone()
    {
        TwoAgents();
        Assert.Equal(["a", "b"], Then(new PolicyPublished(1, Dba, "", "h", PolicyModel.Empty)).Select(o => o.Agent).Order());
        var id = Guid.CreateVersion7();
        Assert.Equal(2, Then(new LockPlaced(id, new LockTarget(Resource: "orders"), "why", null, Dba)).Count);
        Assert.Equal(2, Then(new LockLifted(id, Dba, "done")).Count);
        Assert.Empty(known.Locks);
    }

    [Fact]
    public void The_end_of_a_session_is_ordered_of_its_own_agent_with_who_wants_it_and_why()
    {
        TwoAgents();
        var session = Guid.CreateVersion7();
        var order = Assert.Single(Then(new SessionTerminationOrdered(session, "b", Dba, "not what was agreed"), session));
        Assert.Equal(("b", DirectiveKinds.Terminate), (order.Agent, order.Kind));
        Assert.Equal(new TerminateOrder(session, "the session was ended by dba: not what was agreed"), order.Body);
    }

    [Fact]
    public void The_plan_that_an_admin_ordered_goes_to_the_agents_of_the_resource()
    {
        TwoAgents();
        var order = Assert.Single(Then(new ResourceMaskingOrdered("orders", "shop", "hash", Dba), Ids.Resource("orders")));
        Assert.Equal(("a", DirectiveKinds.MaskingApply, new MaskingApply("orders", "shop", "hash")), (order.Agent, order.Kind, order.Body));
        Then(new ResourceMaskingOrdered("orders", "shop", "later", Dba), Ids.Resource("orders"));
        Assert.Equal("later", Assert.Single(known.Masking.Values).Plan);
    }

    [Fact]
    public void Who_waits_at_an_agent_hears_that_the_request_came_to_nothing()
    {
        TwoAgents();
        var submitted = new RequestSubmitted(Request, AgentWorld.Engineer, "orders-read", "orders", TimeSpan.FromHours(1), null, null, [], Now, 1, Implicit: true);
        Assert.Empty(Then(submitted, Request));
        Assert.Equal("Denied", ((RequestClosure)Assert.Single(Then(new RequestDenied(Dba, null), Request)).Body).State);
        Assert.Empty(Then(submitted with { Implicit = false }, Request));
        Assert.Empty(Then(new RequestDenied(Dba, null), Request));
    }

    [Fact]
    public void A_retired_agent_hears_that_nothing_goes_on()
    {
        Granted();
        var order = Assert.Single(Then(new AgentRetired("a", Dba, "replaced"), Ids.Agent("a")));
        Assert.Equal(("a", DirectiveKinds.Lock, "a"), (order.Agent, order.Kind, ((LockOrder)order.Body).On.Agent));
        Assert.Empty(Then(new GrantRevoked(Dba, "")));
    }

    [Fact]
    public void Every_event_that_agents_must_know_is_folded()
    {
        Granted();
        Assert.All(
            AgentKnowledge.Types,
            name => Assert.NotNull(AgentKnowledge.Fold(known, new Stored(
                ++position, GrantId, 1, Guid.Empty, Now, new EventContext(Dba, Guid.Empty),
                (IEvent)Sample.Of(EventNames.TypeOf(name)!)))));
    }
}

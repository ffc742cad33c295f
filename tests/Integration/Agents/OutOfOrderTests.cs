using System.Text.Json;
using AccessPlane.Agent.Directives;
using AccessPlane.Contracts;
using AccessPlane.Contracts.Events;
using AccessPlane.Contracts.Messages;
using AccessPlane.Contracts.Policy;
using AccessPlane.Tests.Unit.Agent;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace AccessPlane.Tests.Integration.Agents;

/// <summary>Orders that overtake each other, and states that were on their way meanwhile: what was taken away never comes back by what is older.</summary>
public sealed class OutOfOrderTests : IDisposable
{
    private readonly BareAgent agent = new();
    private readonly WhenDirectiveArrives when;

    // nobody here asks the control plane anything, and nothing is held
    public OutOfOrderTests() => when = new WhenDirectiveArrives(
        World.InForce, agent.Identity, agent.Memory, agent.CatchUp, World.Live, agent.Tickets, null!, null!, agent.Reports, NullLogger<WhenDirectiveArrives>.Instance);

    public void Dispose() => agent.Dispose();

    private AgentWorld World => agent.World;

    private Snapshot Now => World.InForce.Current;

    private static PublishedPolicy Policy(long version) => new(version, "", new PolicyModel([AgentWorld.Orders], [], PeopleDirectory.Empty));

    private void Arrives(string kind, long position, long previous, object body) => when.Take(
        new Directive("a", 1, position, previous, kind, JsonSerializer.Serialize(body, body.GetType(), Json.Options), World.Time.Wall, "").SignWith(agent.Keys.Signing),
        World.Time.GetTimestamp());

    private void StateArrives(long position, long policy, params GrantLease[] grants) =>
        Arrives(DirectiveKinds.State, position, position, new AgentState(Policy(policy), ["orders"], grants, [], [], []));

    [Fact]
    public void A_grant_that_comes_behind_its_revocation_is_not_given()
    {
        var grant = AgentWorld.Grant(World.Time.Wall.AddHours(1));
        StateArrives(10, policy: 1);
        Arrives(DirectiveKinds.GrantEnded, 12, 11, new GrantEnd(grant.Grant, "revoked", "enough"));
        Arrives(DirectiveKinds.Grant, 11, 10, grant);
        Assert.Empty(Now.Grants);
        Assert.False(agent.CatchUp.IsDone);
        StateArrives(12, policy: 1);
        Arrives(DirectiveKinds.Grant, 11, 10, grant); // once more
        Assert.Empty(Now.Grants);
        Assert.True(agent.CatchUp.IsDone);
        FaultReport.Saw("a grant came twice behind its revocation: given 0 times");
    }

    [Fact]
    public void A_state_from_before_a_revocation_that_was_on_its_way_does_not_bring_the_grant_back()
    {
        var grant = AgentWorld.Grant(World.Time.Wall.AddHours(1));
        var other = AgentWorld.Grant(World.Time.Wall.AddHours(1));
        StateArrives(10, policy: 1, grant);
        using var permit = World.Admit(grant);
        var extended = grant with { NotAfter = grant.NotAfter.AddHours(1) };
        Arrives(DirectiveKinds.GrantEnded, 13, 12, new GrantEnd(grant.Grant, "revoked", "enough"));
        Assert.Equal("revoked", permit.End?.Cause);
        Arrives(DirectiveKinds.Grant, 11, 10, extended);
        Assert.Empty(Now.Grants);
        StateArrives(11, policy: 1, extended, other); // of a control plane that had not seen the revocation
        Assert.Equal([other.Grant], Now.Grants.Keys);
        Assert.Equal(11, Now.Position);
        using var late = World.Admit(grant);
        Assert.Equal("revoked", late.End?.Cause);
        Arrives(DirectiveKinds.Grant, 12, 11, extended);
        Assert.Equal([other.Grant], Now.Grants.Keys); // nor does an order
        StateArrives(14, policy: 1, other, extended); // what is newer than the revocation counts as it is
        Assert.Equal(2, Now.Grants.Count);
        FaultReport.Saw("a state from before a revocation came behind it: 1 grant of it in force, the revoked one not, its session stayed cut");
    }

    [Fact]
    public void A_lock_stays_where_a_state_from_before_it_comes_and_goes_with_the_next_one()
    {
        var grant = AgentWorld.Grant(World.Time.Wall.AddHours(1));
        var order = new LockOrder(Guid.CreateVersion7(), new LockTarget(Actor: AgentWorld.Engineer.Key), "incident", null);
        StateArrives(10, policy: 1, grant);
        using var permit = World.Admit(grant);
        Arrives(DirectiveKinds.Lock, 12, 11, order);
        Assert.Equal("locked", permit.End?.Cause);
        StateArrives(11, policy: 1, grant);
        using var late = World.Admit(grant);
        Assert.Equal("locked", late.End?.Cause);
        Arrives(DirectiveKinds.LockLifted, 13, 12, new LockLift(order.Lock));
        Assert.Equal([order.Lock], Now.Locks.Keys); // what was between is missing: what widens waits for it
        StateArrives(13, policy: 1, grant);
        using var next = World.Admit(grant);
        Assert.Null(next.End);
    }

    [Fact]
    public void A_policy_that_comes_behind_the_next_one_does_not_take_its_place()
    {
        StateArrives(10, policy: 7);
        Arrives(DirectiveKinds.Policy, 12, 11, Policy(9));
        Arrives(DirectiveKinds.Policy, 11, 10, Policy(8));
        Assert.Equal(7, Now.Policy.Version); // both wait for what tells which of them counts
        StateArrives(12, policy: 9);
        Arrives(DirectiveKinds.Policy, 11, 10, Policy(8));
        StateArrives(11, policy: 8);
        Assert.Equal((9L, 12L), (Now.Policy.Version, Now.Position));
        Arrives(DirectiveKinds.Policy, 13, 12, Policy(10));
        Arrives(DirectiveKinds.Policy, 12, 11, Policy(9));
        Assert.Equal((10L, 13L), (Now.Policy.Version, Now.Position));
    }
}

using AccessPlane.Contracts.Events;
using AccessPlane.Contracts.Messages;
using AccessPlane.Contracts.Policy;
using AccessPlane.Contracts.Sql;
using Xunit;

namespace AccessPlane.Tests.Unit.Agent;

public sealed class PermitTests
{
    private static readonly StatementFacts Select = new(["select"], 1);
    private static readonly StatementFacts Update = new(["update"], 1);
    private readonly AgentWorld world = new();

    [Fact]
    public void A_statement_is_judged_by_the_grant_as_it_is_now()
    {
        var grant = world.Granted(TimeSpan.FromHours(1), "select");
        using var permit = world.Admit(grant);
        Assert.Equal(Effect.Allow, permit.Judge(Select).Effect);
        Assert.Equal(Effect.Deny, permit.Judge(Update).Effect);
        world.Apply(grant with { Scope = new Scope([], ["update"]) });
        Assert.Equal(Effect.Deny, permit.Judge(Select).Effect);
        Assert.Equal(Effect.Allow, permit.Judge(Update).Effect);
    }

    [Fact]
    public void A_published_policy_applies_to_the_next_statement_of_a_session_that_is_open_and_what_was_ruled_before_is_forgotten()
    {
        using var permit = world.Admit(world.Granted(TimeSpan.FromHours(1)));
        var before = permit.Judge(Update);
        Assert.Equal((Effect.Allow, 1L), (before.Effect, before.PolicyVersion));
        Assert.Same(before, permit.Judge(Update));
        Guardrail[] noUpdates = [new Guardrail("no-updates", "orders", Match.Everything with { Statements = ["update"] }, Effect.Deny)];
        world.Apply(new PublishedPolicy(2, "", world.InForce.Current.Policy.Model with { Guardrails = noUpdates }));
        Assert.Equal(("no-updates", 2L), (permit.Judge(Update).Deciding?.Rule, permit.Judge(Update).PolicyVersion));
        Assert.Equal(2, permit.Judge(Select).PolicyVersion);
        world.Apply(new PublishedPolicy(3, "", world.InForce.Current.Policy.Model with { Guardrails = [] }));
        Assert.Equal((Effect.Allow, 3L), (permit.Judge(Update).Effect, permit.Judge(Update).PolicyVersion));
    }

    [Fact]
    public void A_grant_ends_by_the_monotonic_clock_even_if_no_order_comes_and_the_hosts_clock_is_set_back()
    {
        using var permit = world.Admit(world.Granted(TimeSpan.FromSeconds(5)));
        world.Time.Advance(TimeSpan.FromSeconds(4));
        world.Time.Wall -= TimeSpan.FromHours(1);
        Assert.True(permit.MayForward);
        world.Time.Advance(TimeSpan.FromSeconds(1));
        Assert.False(permit.MayForward);
        Assert.Equal(Effect.Deny, permit.Judge(Select).Effect);
        world.Live.CutWhatEnded(world.Time.GetTimestamp());
        Assert.Equal("expired", permit.End?.Cause);
    }

    [Fact]
    public void An_extended_grant_goes_on_past_its_first_end()
    {
        var grant = world.Granted(TimeSpan.FromSeconds(5));
        using var permit = world.Admit(grant);
        world.Apply(grant with { NotAfter = grant.NotAfter.AddSeconds(60) });
        world.Time.Advance(TimeSpan.FromSeconds(9));
        Assert.True(permit.MayForward);
    }

    [Fact]
    public void A_lease_that_is_too_old_freezes_and_a_new_one_thaws()
    {
        using var permit = world.Admit(world.Granted(TimeSpan.FromHours(1)));
        world.Time.Advance(TimeSpan.FromSeconds(10));
        Assert.False(permit.MayForward);
        Assert.Null(permit.End);
        var thawed = permit.Thawed();
        Assert.False(thawed.IsCompleted);
        world.InForce.RenewLease(world.Time.GetTimestamp());
        Assert.True(permit.MayForward);
    }

    [Fact]
    public async Task Who_waits_for_a_thaw_is_woken_by_it_and_by_the_end()
    {
        using var one = world.Admit(world.Granted(TimeSpan.FromHours(1)));
        world.Live.Freeze(true);
        var thawed = one.Thawed().AsTask();
        Assert.False(thawed.IsCompleted);
        world.Live.Freeze(false);
        await thawed;
        world.Live.Freeze(true);
        var ended = one.Thawed().AsTask();
        world.Live.CutSession(one.Session, "terminated", "", world.Time.GetTimestamp());
        await ended;
        Assert.False(one.MayForward);
    }

    [Fact]
    public void A_lock_denies_until_its_time_is_certainly_over()
    {
        using var permit = world.Admit(world.Granted(TimeSpan.FromHours(1)));
        world.Apply(new LockOrder(Guid.CreateVersion7(), new LockTarget(Actor: AgentWorld.Engineer.Key), "incident", world.Time.Wall.AddSeconds(5)));
        Assert.False(permit.MayForward);
        Assert.Contains("incident", permit.Judge(Select).Reasons[0].Text, StringComparison.Ordinal);
        world.Time.Advance(TimeSpan.FromSeconds(5));
        Assert.True(permit.MayForward);
    }

    [Fact]
    public void A_session_that_slips_in_behind_a_revocation_is_cut_at_once()
    {
        var grant = world.Granted(TimeSpan.FromHours(1));
        world.Apply(new GrantEnd(grant.Grant, "revoked", ""));
        using var permit = world.Admit(grant);
        Assert.Equal("revoked", permit.End?.Cause);
    }

    [Fact]
    public void A_grants_end_is_reported_when_the_last_of_its_sessions_is_gone()
    {
        var grant = world.Granted(TimeSpan.FromHours(1));
        var told = new List<(Guid, int, TimeSpan)>();
        world.Live.GrantCutOff += (g, sessions, took) => told.Add((g, sessions, took));
        var one = world.Admit(grant);
        var two = world.Admit(grant);
        using var other = world.Admit(world.Granted(TimeSpan.FromHours(1)));
        world.Live.CutGrant(grant.Grant, "revoked", "revoked by dba", world.Time.GetTimestamp());
        Assert.Null(other.End);
        world.Time.Advance(TimeSpan.FromMilliseconds(20));
        one.Dispose();
        Assert.Empty(told);
        world.Time.Advance(TimeSpan.FromMilliseconds(20));
        Assert.Equal(TimeSpan.FromMilliseconds(40), two.Cut());
        world.Time.Advance(TimeSpan.FromSeconds(1));
        two.Dispose();
        Assert.Equal([(grant.Grant, 2, TimeSpan.FromMilliseconds(40))], told);
    }

    [Theory]
    [InlineData(false)] // both are gone when the grant's end is told
    [InlineData(true)] // one is on its way out
    public void What_a_lock_has_cut_counts_as_cut_by_the_end_of_the_grant_that_follows_from_it(bool oneLingers)
    {
        var grant = world.Granted(TimeSpan.FromHours(1));
        var told = new List<(Guid, int, TimeSpan)>();
        world.Live.GrantCutOff += (g, sessions, took) => told.Add((g, sessions, took));
        var (one, two) = (world.Admit(grant), world.Admit(grant));
        world.Apply(new LockOrder(Guid.CreateVersion7(), new LockTarget(Actor: AgentWorld.Engineer.Key), "incident", null));
        world.Live.CutWhatEnded(world.Time.GetTimestamp());
        world.Live.CutWhatEnded(world.Time.GetTimestamp());
        world.Time.Advance(TimeSpan.FromMilliseconds(30));
        one.Dispose();
        if (!oneLingers)
        {
            two.Dispose();
        }
        world.Apply(new GrantEnd(grant.Grant, "locked", ""));
        world.Live.CutGrant(grant.Grant, "locked", "", world.Time.GetTimestamp());
        two.Dispose();
        Assert.Equal([(grant.Grant, 2, TimeSpan.FromMilliseconds(30))], told);
    }

    [Fact]
    public void What_another_cause_has_cut_is_not_counted_again()
    {
        var grant = world.Granted(TimeSpan.FromHours(1));
        var told = new List<int>();
        world.Live.GrantCutOff += (_, sessions, _) => told.Add(sessions);
        var one = world.Admit(grant);
        world.Apply(new LockOrder(Guid.CreateVersion7(), new LockTarget(Agent: "a"), "incident", null));
        world.Live.CutWhatEnded(world.Time.GetTimestamp());
        one.Dispose();
        world.Live.CutGrant(grant.Grant, "revoked", "", world.Time.GetTimestamp());
        Assert.Equal([0], told);
    }

    [Fact]
    public void The_end_of_a_grant_without_sessions_is_reported_at_once()
    {
        var told = 0;
        world.Live.GrantCutOff += (_, sessions, _) => told += sessions + 1;
        world.Live.CutGrant(Guid.CreateVersion7(), "revoked", "", world.Time.GetTimestamp());
        Assert.Equal(1, told);
    }

    [Fact]
    public void Asking_and_judging_allocate_nothing_once_the_facts_were_seen()
    {
        using var permit = world.Admit(world.Granted(TimeSpan.FromHours(1), "select"));
        Assert.Equal(0, Allocated.InSteadyState(() =>
        {
            for (var i = 0; i < 100; i++)
            {
                Assert.True(permit.MayForward && permit.Judge(Select).Effect == Effect.Allow);
            }
        }));
    }
}

using System.Text.Json;
using AccessPlane.Agent.Directives;
using AccessPlane.Agent.Recording;
using AccessPlane.Contracts;
using AccessPlane.Contracts.Messages;
using AccessPlane.Contracts.Policy;
using AccessPlane.Tests.Unit.Agent;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace AccessPlane.Tests.Integration.Agents;

/// <summary>What renews the liveness lease, and what its age does.</summary>
public sealed class LeaseTests : IDisposable
{
    private readonly BareAgent agent = new();
    private readonly LivenessLease lease;

    public LeaseTests() => lease = new LivenessLease(
        World.InForce, World.Live, Spool, agent.CatchUp, agent.Reports, NullLogger<LivenessLease>.Instance);

    public void Dispose()
    {
        lease.Dispose();
        agent.Dispose();
    }

    private AgentWorld World => agent.World;

    private Spool Spool => agent.Spool;

    private async Task<Guid> Ask()
    {
        await lease.Ask(TestContext.Current.CancellationToken);
        return JsonSerializer.Deserialize<LeaseAsk>(agent.Said[^1].Body, Json.Options)!.Nonce;
    }

    private void Answered(Guid nonce) => lease.Renewed(new LeaseAnswer(nonce), World.Time.Wall, World.Time.GetTimestamp());

    [Fact]
    public async Task Only_an_answer_to_a_question_of_its_own_renews_it_and_only_once()
    {
        var nonce = await Ask();
        World.Time.Advance(TimeSpan.FromSeconds(4));
        Answered(Guid.CreateVersion7());
        Assert.Equal(TimeSpan.FromSeconds(4), World.InForce.LeaseAge);
        var second = await Ask();
        Answered(second);
        Assert.Equal(TimeSpan.Zero, World.InForce.LeaseAge);
        World.Time.Advance(TimeSpan.FromSeconds(3));
        Answered(second); // the answer again, as who holds the broker may send it
        Answered(nonce); // an earlier one, late
        Assert.Equal(TimeSpan.FromSeconds(3), World.InForce.LeaseAge);
    }

    [Fact]
    public async Task It_counts_from_the_asking_so_that_an_answer_that_took_long_is_worth_less()
    {
        var nonce = await Ask();
        World.Time.Advance(TimeSpan.FromSeconds(9));
        Answered(nonce);
        Assert.Equal(TimeSpan.FromSeconds(9), World.InForce.LeaseAge);
        World.Time.Advance(TimeSpan.FromSeconds(1));
        Assert.False(World.InForce.LeaseHeld(AgentWorld.Orders));
    }

    [Fact]
    public async Task Questions_that_leave_and_bring_no_answer_freeze_all_the_same()
    {
        using var permit = World.Admit(World.Granted(TimeSpan.FromHours(1)));
        for (var second = 0; second < 10; second++)
        {
            Assert.True(permit.MayForward);
            await Ask();
            World.Time.Advance(TimeSpan.FromSeconds(1));
        }
        Assert.Equal(10, agent.Said.Count);
        Assert.False(permit.MayForward);
        Assert.Null(permit.End);
        FaultReport.Saw($"{agent.Said.Count} questions sent, 0 answered: frozen after 10 s by the test's clock, and not ended");
    }

    [Fact]
    public void Each_resource_freezes_by_its_own_bound_and_its_sessions_end_later()
    {
        var critical = new ResourceTerms("payroll", "postgresql", TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(30), Evidence.Buffered);
        World.Apply(new PublishedPolicy(2, "", new PolicyModel([AgentWorld.Orders, critical], [], PeopleDirectory.Empty)));
        var grant = World.Granted(TimeSpan.FromHours(1)) with { Grant = Guid.CreateVersion7(), Resource = "payroll" };
        World.Apply(grant);
        using var payroll = World.Live.Admit(Guid.CreateVersion7(), grant, critical, "orders", "token")!;
        using var orders = World.Admit(World.Granted(TimeSpan.FromHours(1)));
        void After(double seconds, (bool, string?) expectedPayroll, (bool, string?) expectedOrders)
        {
            World.Time.Advance(TimeSpan.FromSeconds(seconds) - World.InForce.LeaseAge);
            Assert.Equal(expectedPayroll, (payroll.MayForward, payroll.End?.Cause));
            lease.Enforce();
            Assert.Equal(expectedOrders, (orders.MayForward, orders.End?.Cause));
        }

        After(0.999, (true, null), (true, null));
        After(1, (false, null), (true, null));
        After(9.999, (false, null), (true, null));
        After(10, (false, null), (false, null));
        After(30, (false, null), (false, null)); // looked at before the tick that ends it
        After(31, (false, "lease-lost"), (false, null));
        After(300, (false, "lease-lost"), (false, "lease-lost"));
    }

    [Fact]
    public void It_is_asked_for_four_times_within_the_smallest_bound_and_at_least_every_second()
    {
        Assert.Equal(TimeSpan.FromSeconds(1), lease.Period);
        var critical = new ResourceTerms("payroll", "postgresql", TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(30), Evidence.Buffered);
        World.Apply(new PublishedPolicy(2, "", new PolicyModel([AgentWorld.Orders, critical], [], PeopleDirectory.Empty)));
        Assert.Equal(TimeSpan.FromMilliseconds(250), lease.Period);
    }

    [Fact]
    public void A_disk_that_is_full_freezes_at_once_and_nobody_waits_for_a_tick()
    {
        using var permit = World.Admit(World.Granted(TimeSpan.FromHours(1)));
        Spool.Full = () => World.Live.Freeze(true);
        Spool.MakeRoom();
        Assert.False(permit.MayForward);
        Spool.Tick();
        lease.Enforce();
        Assert.True(permit.MayForward);
    }

    [Fact]
    public async Task A_spool_that_stays_full_for_a_minute_ends_what_it_froze_and_one_that_had_room_in_between_begins_anew()
    {
        using var permit = World.Admit(World.Granted(TimeSpan.FromHours(1)));
        async Task After(double seconds)
        {
            World.Time.Advance(TimeSpan.FromSeconds(seconds));
            Answered(await Ask());
            Spool.Tick();
            lease.Enforce();
        }

        agent.Available = 0;
        await After(0);
        await After(59);
        Assert.Equal((false, null), (permit.MayForward, permit.End));
        agent.Available = 1L << 40;
        await After(0);
        Assert.True(permit.MayForward);
        agent.Available = 0;
        await After(0);
        await After(59.9);
        Assert.Equal((false, null), (permit.MayForward, permit.End));
        await After(0.1);
        Assert.Equal("spool", permit.End?.Cause);
        FaultReport.Saw("a session that a full spool froze stood still for 59.9 s by the test's clock, and was ended after 60");
    }
}

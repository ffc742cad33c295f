using System.Security.Cryptography;
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
    private readonly AgentWorld world = new();
    private readonly StateFolder state = new();
    private readonly ECDsa key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
    private readonly ECDiffieHellman encryption = ECDiffieHellman.Create(ECCurve.NamedCurves.nistP256);
    private readonly List<Report> sent = [];
    private readonly AgentIdentity identity;
    private readonly Memory memory;
    private readonly Spool spool;
    private readonly Reports reports;
    private readonly LivenessLease lease;
    private long available = 1L << 40;

    public LeaseTests()
    {
        identity = new AgentIdentity(
            new Enrolment("a", "", "", "", Convert.ToBase64String(key.ExportSubjectPublicKeyInfo()), Convert.ToBase64String(encryption.ExportSubjectPublicKeyInfo()), 1), key);
        memory = new Memory(state.Path);
        spool = new Spool(state.Path, SpoolLimits.Standard, ControlPlaneKey.Wrap, world.Time, () => available);
        reports = new Reports(
            identity,
            (report, _) =>
            {
                sent.Add(report);
                return Task.CompletedTask;
            },
            world.Time, NullLogger<Reports>.Instance);
        lease = new LivenessLease(
            world.InForce, world.Live, spool, new CatchUp(world.InForce, memory, reports, NullLogger<CatchUp>.Instance), reports, NullLogger<LivenessLease>.Instance);
    }

    public void Dispose()
    {
        lease.Dispose();
        reports.Dispose();
        spool.Dispose();
        memory.Dispose();
        identity.Dispose();
        encryption.Dispose();
        state.Dispose();
    }

    private async Task<Guid> Ask()
    {
        await lease.Ask(TestContext.Current.CancellationToken);
        return JsonSerializer.Deserialize<LeaseAsk>(sent[^1].Body, Json.Options)!.Nonce;
    }

    private void Answered(Guid nonce) => lease.Renewed(new LeaseAnswer(nonce), world.Time.Wall, world.Time.GetTimestamp());

    [Fact]
    public async Task Only_an_answer_to_a_question_of_its_own_renews_it_and_only_once()
    {
        var nonce = await Ask();
        world.Time.Advance(TimeSpan.FromSeconds(4));
        Answered(Guid.CreateVersion7());
        Assert.Equal(TimeSpan.FromSeconds(4), world.InForce.LeaseAge);
        var second = await Ask();
        Answered(second);
        Assert.Equal(TimeSpan.Zero, world.InForce.LeaseAge);
        world.Time.Advance(TimeSpan.FromSeconds(3));
        Answered(second); // the answer again, as who holds the broker may send it
        Answered(nonce); // an earlier one, late
        Assert.Equal(TimeSpan.FromSeconds(3), world.InForce.LeaseAge);
    }

    [Fact]
    public async Task It_counts_from_the_asking_so_that_an_answer_that_took_long_is_worth_less()
    {
        var nonce = await Ask();
        world.Time.Advance(TimeSpan.FromSeconds(9));
        Answered(nonce);
        Assert.Equal(TimeSpan.FromSeconds(9), world.InForce.LeaseAge);
        world.Time.Advance(TimeSpan.FromSeconds(1));
        Assert.False(world.InForce.LeaseHeld(AgentWorld.Orders));
    }

    [Fact]
    public async Task Questions_that_leave_and_bring_no_answer_freeze_all_the_same()
    {
        using var permit = world.Admit(world.Granted(TimeSpan.FromHours(1)));
        for (var second = 0; second < 10; second++)
        {
            Assert.True(permit.MayForward);
            await Ask();
            world.Time.Advance(TimeSpan.FromSeconds(1));
        }
        Assert.Equal(10, sent.Count);
        Assert.False(permit.MayForward);
        Assert.Null(permit.End);
        FaultReport.Saw($"{sent.Count} questions sent, 0 answered: frozen after 10 s by the test's clock, and not ended");
    }

    [Fact]
    public void Each_resource_freezes_by_its_own_bound_and_its_sessions_end_later()
    {
        var critical = new ResourceTerms("payroll", "postgresql", TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(30), Evidence.Buffered);
        world.Apply(new PublishedPolicy(2, "", new PolicyModel([AgentWorld.Orders, critical], [], PeopleDirectory.Empty)));
        var grant = world.Granted(TimeSpan.FromHours(1)) with { Grant = Guid.CreateVersion7(), Resource = "payroll" };
        world.Apply(grant);
        using var payroll = world.Live.Admit(Guid.CreateVersion7(), grant, critical, "orders", "token")!;
        using var orders = world.Admit(world.Granted(TimeSpan.FromHours(1)));
        void After(double seconds, (bool, string?) expectedPayroll, (bool, string?) expectedOrders)
        {
            world.Time.Advance(TimeSpan.FromSeconds(seconds) - world.InForce.LeaseAge);
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
        world.Apply(new PublishedPolicy(2, "", new PolicyModel([AgentWorld.Orders, critical], [], PeopleDirectory.Empty)));
        Assert.Equal(TimeSpan.FromMilliseconds(250), lease.Period);
    }

    [Fact]
    public void A_disk_that_is_full_freezes_at_once_and_nobody_waits_for_a_tick()
    {
        using var permit = world.Admit(world.Granted(TimeSpan.FromHours(1)));
        spool.Full = () => world.Live.Freeze(true);
        spool.MakeRoom();
        Assert.False(permit.MayForward);
        spool.Tick();
        lease.Enforce();
        Assert.True(permit.MayForward);
    }

    [Fact]
    public async Task A_spool_that_stays_full_for_a_minute_ends_what_it_froze_and_one_that_had_room_in_between_begins_anew()
    {
        using var permit = world.Admit(world.Granted(TimeSpan.FromHours(1)));
        async Task After(double seconds)
        {
            world.Time.Advance(TimeSpan.FromSeconds(seconds));
            Answered(await Ask());
            spool.Tick();
            lease.Enforce();
        }

        available = 0;
        await After(0);
        await After(59);
        Assert.Equal((false, null), (permit.MayForward, permit.End));
        available = 1L << 40;
        await After(0);
        Assert.True(permit.MayForward);
        available = 0;
        await After(0);
        await After(59.9);
        Assert.Equal((false, null), (permit.MayForward, permit.End));
        await After(0.1);
        Assert.Equal("spool", permit.End?.Cause);
        FaultReport.Saw("a session that a full spool froze stood still for 59.9 s by the test's clock, and was ended after 60");
    }
}

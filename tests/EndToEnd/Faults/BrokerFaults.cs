using System.Diagnostics;
using AccessPlane.Tests.EndToEnd.Faults.World;
using AccessPlane.Tests.EndToEnd.World;
using Npgsql;

namespace AccessPlane.Tests.EndToEnd.Faults;

/// <summary>The broker goes away, for all or for the agent alone: sessions stand still at their bound, and nobody who lost the right meanwhile goes on.</summary>
[Collection(Alone.Name)]
public sealed class BrokerFaults(Product product) : IAsyncLifetime
{
    public async ValueTask InitializeAsync() => await product.Ready();

    public ValueTask DisposeAsync()
    {
        product.ToBroker.Heal();
        return ValueTask.CompletedTask;
    }

    /// <param name="seconds">So long at least: whoever tries again ever more seldom shows it after a while.</param>
    [Theory]
    [InlineData(0, Explicit = true)] // the story stops and starts it too
    [InlineData(100, Explicit = true)]
    public async Task While_the_broker_is_away_sessions_freeze_and_they_go_on_when_it_is_back(int seconds)
    {
        await using var load = await Load.Start(product);
        var away = Stopwatch.StartNew();
        TimeSpan froze;
        long done;
        try
        {
            (await TestWorld.Infra("server", "stop", "rabbitmq")).Succeeded();
            froze = await Frozen(load, away);
            done = await product.CountDone();
            Assert.Equal(503, await StatusOfTicket());
            await Wait.Until(() => away.Elapsed > TimeSpan.FromSeconds(seconds), seconds + 10, () => "time stands still");
            Assert.Equal(done, await product.CountDone());
        }
        finally
        {
            (await TestWorld.Infra("server", "start", "rabbitmq")).Succeeded();
        }
        var back = Stopwatch.StartNew();
        await load.Flows();
        var thawed = back.Elapsed;
        await load.Stop();
        var ledger = (await Ledger.Settled(product)).Holds(load.Acknowledged);
        Assert.Equal(0, load.Cut);
        FaultReport.Saw(
            $"away for {(away.Elapsed - back.Elapsed).TotalSeconds:0.0} s: frozen after {froze.TotalSeconds:0.0} s, went on {thawed.TotalSeconds:0.0} s after it was back; {load.Cut} of {load.Opened} sessions cut; {ledger}",
            ledger.Numbers());
    }

    /// <summary>The three ways to lose sight of each other: no connection, silence, and words that leave and bring no answer.</summary>
    [Theory]
    [InlineData("cut")]
    [InlineData("silent", Explicit = true)]
    [InlineData("deaf", Explicit = true)]
    public async Task Cut_off_from_the_broker_a_revoked_session_never_goes_on(string how)
    {
        var (kept, revoked) = (await product.Grant(), await product.Grant());
        await using var stays = await product.Session(kept);
        await using var goes = await product.Session(revoked);
        await using var payroll = await Product.Open(await product.TicketFor(await product.Grant(entitlement: "payroll")));
        foreach (var session in (NpgsqlConnection[])[stays, goes, payroll])
        {
            await Product.Do(session, product.NextNumber());
        }
        Part(how);
        var parted = Stopwatch.StartNew();
        (await product.Plane.Api.Post("admin", $"/v1/grants/{revoked}/revoke", new { reason = "a test" })).Is(200);

        // a lease that was on its way is the last one: two bounds later nothing passes
        var (ofKept, ofRevoked) = (product.NextNumber(), product.NextNumber());
        await Wait.Until(async () => !await Product.Answers($"http://127.0.0.1:{product.Port(4)}/health/ready") && parted.Elapsed > Product.FreezeAfter, 20, () => "the agent does not miss its lease");
        var later = Product.Do(stays, ofKept);
        var never = Product.Do(goes, ofRevoked);

        // the other resource's bound passes meanwhile: its session ends where it was
        var ended = await Assert.ThrowsAnyAsync<NpgsqlException>(async () =>
        {
            await Wait.Until(() => parted.Elapsed > Product.PayrollKillAfter, 20, () => "time stands still");
            await Product.Do(payroll, product.NextNumber());
        });
        var killed = parted.Elapsed;
        Assert.False(later.IsCompleted || never.IsCompleted, "something passed while the agent was cut off");
        Assert.False(await product.IsDone(ofKept) || await product.IsDone(ofRevoked));

        product.ToBroker.Heal();
        var healed = Stopwatch.StartNew();
        var cut = await Assert.ThrowsAnyAsync<NpgsqlException>(() => never.WaitAsync(TimeSpan.FromSeconds(60)));
        await later.WaitAsync(TimeSpan.FromSeconds(60));
        var thawed = healed.Elapsed;
        Assert.False(await product.IsDone(ofRevoked));
        Assert.True(await product.IsDone(ofKept));
        await stays.CloseAsync();
        var ledger = (await Ledger.Settled(product)).Holds([ofKept]);
        FaultReport.Saw(
            $"{how} for {killed.TotalSeconds:0.0} s: nothing passed; the session past its bound was ended ({Code(ended)}), the revoked one when it healed ({Code(cut)}), the other went on after {thawed.TotalSeconds:0.0} s; {ledger}",
            ledger.Numbers());
    }

    /// <summary>RabbitMQ takes nothing from anybody while its memory or its disk runs out. What it has it delivers: but on a connection that publishes it does not
    /// even read the acknowledgements, and after a window of them nothing more would come.</summary>
    [Fact(Explicit = true)]
    public async Task While_the_broker_takes_nothing_an_end_that_it_has_is_carried_out_and_everybody_else_goes_on_afterwards()
    {
        const int before = 200; // more than an agent is sent without an acknowledgement
        var (kept, revoked) = (await product.Grant(), await product.Grant());
        await using var load = await Load.Start(product);
        await using var stays = await product.Session(kept);
        await using var goes = await product.Session(revoked);
        var alarm = Stopwatch.StartNew();
        TimeSpan froze, took;
        NpgsqlException cut;
        var (ofKept, ofRevoked) = (product.NextNumber(), product.NextNumber());
        Task later;
        try
        {
            (await TestWorld.Infra("server", "alarm", "rabbitmq")).Succeeded();
            froze = await Frozen(load, alarm); // its questions do not get through: it has said something that there is no room for
            var done = await product.CountDone();
            (later, var never) = (Product.Do(stays, ofKept), Product.Do(goes, ofRevoked));
            (await product.Plane.Api.Post("admin", $"/v1/grants/{revoked}/revoke", new { reason = "a test" })).Is(200);
            await product.Broker.PutInQueueOf(Product.AgentId, [.. Enumerable.Repeat("nobody can read this", before), product.EndOf(Guid.Parse(revoked))]);
            var put = Stopwatch.StartNew();
            cut = await Assert.ThrowsAnyAsync<NpgsqlException>(() => never.WaitAsync(TimeSpan.FromSeconds(30 * Wait.Patience)));
            took = put.Elapsed;
            Assert.False(later.IsCompleted, "something passed without a lease");
            Assert.Equal(done, await product.CountDone());
        }
        finally
        {
            (await TestWorld.Infra("server", "calm", "rabbitmq")).Succeeded();
        }
        var calm = Stopwatch.StartNew();
        await later.WaitAsync(TimeSpan.FromSeconds(60));
        await load.Flows();
        var thawed = calm.Elapsed;
        await load.Stop();
        await stays.CloseAsync();
        var ledger = (await Ledger.Settled(product)).Holds([.. load.Acknowledged, ofKept]);
        Assert.False(await product.IsDone(ofRevoked));
        Assert.Equal(0, load.Cut);
        FaultReport.Saw(
            $"took nothing for {(alarm.Elapsed - calm.Elapsed).TotalSeconds:0.0} s: frozen after {froze.TotalSeconds:0.0} s; the end behind {before} other messages cut its session ({Code(cut)}) {took.TotalSeconds:0.0} s after it was in the queue, " +
            $"nothing else passed; {load.Cut} of {load.Opened} other sessions cut, they went on {thawed.TotalSeconds:0.0} s after there was room; {ledger}",
            ledger.Numbers());
    }

    private void Part(string how)
    {
        if (how == "cut")
        {
            product.ToBroker.Cut();
        }
        else
        {
            product.ToBroker.Silence(towardsServer: how == "silent", towardsClient: true);
        }
    }

    private static string Code(NpgsqlException failure) => (failure as PostgresException)?.SqlState ?? "connection closed";

    /// <summary>Since when nothing was done: nothing for as long as the bound is, although everybody wants to.</summary>
    private static async Task<TimeSpan> Frozen(Load load, Stopwatch since)
    {
        await Wait.Until(() => load.Quiet > Product.FreezeAfter, 30, () => "the clients go on without a lease");
        return since.Elapsed - load.Quiet;
    }

    private async Task<int> StatusOfTicket()
    {
        var grant = await product.Grant();
        return (await product.Plane.Api.Post("engineer", $"/v1/grants/{grant}/tickets", new { database = product.Name })).Status;
    }
}

using System.Diagnostics;
using AccessPlane.Tests.EndToEnd.Faults.World;
using AccessPlane.Tests.EndToEnd.World;
using Npgsql;

namespace AccessPlane.Tests.EndToEnd.Faults;

/// <summary>The agent dies, and sleeps.</summary>
public sealed class AgentFaults(Product product) : IAsyncLifetime
{
    public async ValueTask InitializeAsync() => await product.Ready();

    public async ValueTask DisposeAsync()
    {
        if (!product.Agent.Runs)
        {
            product.Agent.Start();
        }
        await product.Agent.Resume();
    }

    [Fact]
    public async Task Killed_under_load_and_again_while_it_recovers_it_loses_nothing_and_claims_nothing()
    {
        await using var load = await Load.Start(product);
        await using var session = await product.Session(application: "killed-mid-statement");
        var running = Product.Do(session, "SELECT pg_sleep(601)");
        const string Backend = "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE application_name = 'killed-mid-statement' AND state = 'active')";
        await Wait.Until(() => product.Ask<bool>(Backend), 20, () => "the statement does not run");
        await product.Agent.Kill();
        var killed = Stopwatch.StartNew();
        await Assert.ThrowsAnyAsync<NpgsqlException>(() => running);
        // the server looks once a second whether anybody still wants to hear
        await Wait.Until(async () => !await product.Ask<bool>(Backend), 10, () => "the backend works on for nobody");
        var gone = killed.Elapsed;

        product.Agent.Start();
        // in the middle of taking up what the first left, as near as one can get from outside: when it speaks for the first time
        await Wait.Until(() => Product.Answers($"http://127.0.0.1:{product.Port(4)}/health/live"), 30, () => "the agent does not start");
        await product.Agent.Kill();
        product.Agent.Start();
        await product.AgentReady();
        var back = killed.Elapsed;
        await load.Flows();
        await load.Stop();
        var ledger = (await Ledger.Settled(product)).Holds(load.Acknowledged);
        Assert.Equal(["indeterminate"], (await Outcomes.Of(product, "SELECT pg_sleep(601)")).Distinct());
        Assert.True(await product.AskLog<long>("SELECT count(*) FROM accessplane.mt_events WHERE type = 'session_lost'") > load.Cut / 2);
        FaultReport.Saw(
            $"the server's work stopped {gone.TotalSeconds:0.0} s after the kill, the agent was back after {back.TotalSeconds:0.0} s and two kills; {load.Cut} of {load.Opened} sessions ended and are recorded as lost, the running statement as indeterminate; {ledger}",
            ledger.Numbers());
    }

    [Theory]
    [InlineData(6)]
    [InlineData(80, Explicit = true)] // the broker has given it up by then
    public async Task Asleep_for_longer_than_its_lease_it_wakes_up_frozen_and_a_revoked_session_never_goes_on(int seconds)
    {
        var (kept, revoked) = (await product.Grant(), await product.Grant());
        await using var stays = await product.Session(kept);
        await using var goes = await product.Session(revoked);
        await Product.Do(stays, product.NextNumber());
        await Product.Do(goes, product.NextNumber());
        var (ofKept, ofRevoked) = (product.NextNumber(), product.NextNumber());
        var asleep = Stopwatch.StartNew();
        Task later, never;
        await product.Agent.Pause();
        try
        {
            // both lie in front of it when it wakes up, and so does the order
            later = Product.Do(stays, ofKept);
            never = Product.Do(goes, ofRevoked);
            (await product.Plane.Api.Post("admin", $"/v1/grants/{revoked}/revoke", new { reason = "a test" })).Is(200);
            await Wait.Until(() => asleep.Elapsed > TimeSpan.FromSeconds(seconds), seconds + 5, () => "time stands still");
            Assert.False(await product.IsDone(ofKept) || await product.IsDone(ofRevoked));
        }
        finally
        {
            await product.Agent.Resume();
        }
        var awake = Stopwatch.StartNew();
        var cut = await Assert.ThrowsAnyAsync<NpgsqlException>(() => never.WaitAsync(TimeSpan.FromSeconds(60)));
        var ended = awake.Elapsed;
        await later.WaitAsync(TimeSpan.FromSeconds(60));
        var thawed = awake.Elapsed;
        Assert.True(await product.IsDone(ofKept));
        Assert.False(await product.IsDone(ofRevoked));
        await stays.CloseAsync();
        var ledger = (await Ledger.Settled(product)).Holds([ofKept]);
        FaultReport.Saw(
            $"asleep for {seconds} s: the revoked session ended ({(cut as PostgresException)?.SqlState}) {ended.TotalSeconds:0.0} s after it woke up and its statement never ran, the other went on after {thawed.TotalSeconds:0.0} s; {ledger}",
            ledger.Numbers());
    }
}

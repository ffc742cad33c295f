using System.Collections.Concurrent;
using System.Diagnostics;
using AccessPlane.Tests.EndToEnd.Faults.World;
using AccessPlane.Tests.EndToEnd.World;

namespace AccessPlane.Tests.EndToEnd.Faults;

/// <summary>The server of the log goes away under load: what was answered with success is in the log afterwards, and nothing else was answered with success.</summary>
[Collection(Alone.Name)]
public sealed class LogFaults(Product product) : IAsyncLifetime
{
    public async ValueTask InitializeAsync() => await product.Ready();

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    [Theory]
    [InlineData("stopped")]
    [InlineData("killed", Explicit = true)]
    public async Task While_the_log_is_away_nothing_is_promised_and_afterwards_nothing_is_missing(string how)
    {
        await using var load = await Load.Start(product);
        await using var asking = new Asking(product);
        await asking.Hears(201);
        var away = Stopwatch.StartNew();
        try
        {
            if (how == "stopped")
            {
                (await TestWorld.Infra("server", "stop", "postgres-log")).Succeeded();
            }
            else
            {
                // its children die with it, as of a machine that loses power: it recovers from what it had written
                (await Run.ToEnd("kill", ["-QUIT", $"{TestWorld.ProcessOf("postgres-log")}"])).Succeeded();
                await Wait.Until(async () => (await TestWorld.Infra("server", "status", "postgres-log")).Output.Contains("stopped", StringComparison.Ordinal), 20, () => "it lives");
            }
            await asking.Hears(503);
            // no word of the control plane without its log: the leases end, and with them the forwarding
            await Wait.Until(() => load.Quiet > Product.FreezeAfter, 30, () => "the clients go on without a lease");
        }
        finally
        {
            (await TestWorld.Infra("server", "start", "postgres-log")).Succeeded();
        }
        var took = away.Elapsed;
        var back = Stopwatch.StartNew();
        await asking.Hears(201);
        var asked = back.Elapsed;
        await load.Flows();
        var thawed = back.Elapsed;
        await load.Stop();
        await asking.Stop();

        var ledger = (await Ledger.Settled(product)).Holds(load.Acknowledged);
        Assert.Equal(0, load.Cut);
        var kept = await asking.Compare();
        FaultReport.Saw(
            $"{how} for {took.TotalSeconds:0.0} s: {asking.Count(503)} calls were answered with 503, {asking.Count(201)} requests with 201, all of which are in the log once ({kept} in all); " +
            $"calls worked {asked.TotalSeconds:0.0} s and sessions {thawed.TotalSeconds:0.0} s after it was back; {load.Cut} of {load.Opened} sessions cut; {ledger}",
            ledger.Numbers());
    }

    /// <summary>Somebody who asks for access all the time, and remembers what was answered.</summary>
    private sealed class Asking : IAsyncDisposable
    {
        private readonly Product product;
        private readonly string mark = $"asking-{Guid.CreateVersion7():N}";
        private readonly ConcurrentDictionary<int, int> statuses = new();
        private readonly ConcurrentDictionary<string, Guid> acknowledged = new();
        private readonly CancellationTokenSource stop = new();
        private readonly Task work;

        public Asking(Product product)
        {
            this.product = product;
            work = Task.Run(Work);
        }

        public int Count(int status) => statuses.GetValueOrDefault(status);

        /// <summary>Until that is answered to a call that begins after this one.</summary>
        public async Task Hears(int status)
        {
            var before = Count(status);
            await Wait.Until(() => Count(status) > before, 60, () => $"nothing is answered with {status}: {string.Join(", ", statuses.Select(s => $"{s.Key} {s.Value} times"))}");
        }

        public async Task Stop()
        {
            await stop.CancelAsync();
            await work.WaitAsync(TimeSpan.FromSeconds(30 * Wait.Patience));
        }

        /// <summary>Every request that was acknowledged is there, with its id and its reason, once.</summary>
        public async Task<long> Compare()
        {
            foreach (var (reason, id) in acknowledged)
            {
                Assert.Equal(1, await product.AskLog<long>(
                    $"SELECT count(*) FROM accessplane.mt_events WHERE type = 'request_submitted' AND data ->> 'reason' = '{reason}' AND stream_id = '{id}'"));
            }
            var (all, different) = (
                await product.AskLog<long>($"SELECT count(*) FROM accessplane.mt_events WHERE type = 'request_submitted' AND data ->> 'reason' LIKE '{mark}%'"),
                await product.AskLog<long>($"SELECT count(DISTINCT data ->> 'reason') FROM accessplane.mt_events WHERE type = 'request_submitted' AND data ->> 'reason' LIKE '{mark}%'"));
            Assert.Equal(all, different);
            // one whose answer was lost on the way may be there as well
            Assert.InRange(all, acknowledged.Count, acknowledged.Count + 1);
            return all;
        }

        public async ValueTask DisposeAsync()
        {
            await stop.CancelAsync();
            await work.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            stop.Dispose();
        }

        private async Task Work()
        {
            for (var i = 0; !stop.IsCancellationRequested; i++)
            {
                var reason = $"{mark}-{i}";
                var answer = await product.Plane.Api.Post("engineer", "/v1/requests", new { entitlement = "by-approval", duration = "PT1H", reason });
                if (answer.Status == 201)
                {
                    acknowledged[reason] = Guid.Parse(answer.Text("id"));
                }
                statuses.AddOrUpdate(answer.Status, 1, (_, n) => n + 1);
                await Task.Delay(20, stop.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }
    }
}

using System.Diagnostics;
using System.Net;
using AccessPlane.Contracts.Messages;
using AccessPlane.Tests.EndToEnd.Faults.World;
using AccessPlane.Tests.EndToEnd.World;
using Npgsql;

namespace AccessPlane.Tests.EndToEnd.Faults;

/// <summary>The only control plane dies while a statement waits at the agent for people. Only the server's own count says how often it ran.</summary>
public sealed class HoldFaults(Product product) : IAsyncLifetime
{
    public async ValueTask InitializeAsync()
    {
        await product.Ready();
        await Product.OnServer(product.Database, "CREATE TABLE IF NOT EXISTS waits (n bigint)");
        await Under("1h");
    }

    public async ValueTask DisposeAsync()
    {
        product.ToBroker.Heal();
        if (!product.Plane.Runs)
        {
            await product.Plane.Start();
        }
        await product.Publish();
    }

    /// <param name="committed">Whether the database finishes what the dead process had asked for, before it is back.</param>
    [Theory]
    [InlineData(true)]
    [InlineData(false, Explicit = true)]
    public async Task Killed_while_a_release_is_being_written(bool committed)
    {
        await using var parked = await Parked.In(await product.Session(), product);
        var key = $"{Guid.CreateVersion7()}";
        await using (var hold = await Hold.Of(product, $"SELECT FROM accessplane.mt_streams WHERE id = '{parked.Id}' FOR UPDATE"))
        {
            var first = parked.Approve("dba", key);
            await hold.IsWaitedFor();
            await product.Plane.Kill();
            await Assert.ThrowsAnyAsync<HttpRequestException>(() => first);
            if (!committed)
            {
                await hold.EndWhoWaits();
            }
        }
        var before = await parked.Ended();
        Assert.Equal(committed ? "hold_released" : "operation_held", before);
        Assert.Equal(0, await parked.Runs());
        Assert.False(parked.Running.IsCompleted);
        await product.Plane.Start();
        await product.AgentReady();
        if (!committed)
        {
            // it waits as before, at its agent and in the log: nothing was decided by anybody's absence
            Assert.Equal(("operation_held", 0, false), (await parked.Ended(), await parked.Runs(), parked.Running.IsCompleted));
        }
        // who heard nothing says it again; and somebody else says it too
        var answers = await Task.WhenAll(parked.Approve("dba", key), parked.Approve("dba", key), parked.Approve("dba2", $"{Guid.CreateVersion7()}"));
        Assert.True(answers.Select(a => a.Status).SequenceEqual([200, 200, 409]) || (!committed && answers.Select(a => a.Status).SequenceEqual([409, 409, 200])),
            string.Join(", ", answers.Select(a => a.Status)));
        await parked.Running.WaitAsync(TimeSpan.FromSeconds(60));
        var ledger = await RanOnce(parked);
        FaultReport.Saw(
            $"killed while the release was being written; afterwards it was {(committed ? "released" : "pending")}, {string.Join(", ", answers.Select(a => a.Status))} were answered to the same word again, twice, and to another approver's, and the statement ran once; {ledger}",
            ledger.Numbers());
    }

    /// <param name="mode">What it is held by: it cannot look whom to tell, or it has told and cannot write that down.</param>
    [Theory]
    [InlineData("ACCESS EXCLUSIVE", "before it was sent", Explicit = true)]
    [InlineData("EXCLUSIVE", "sent, and not known to be")]
    public async Task Killed_between_a_release_and_its_way_to_the_agent(string mode, string when)
    {
        await using var tap = await Tap.On(product);
        await using var parked = await Parked.In(await product.Session(), product);
        var sent = mode == "EXCLUSIVE";
        int Told() => tap.Orders.Count(o => o.Kind == DirectiveKinds.HoldDecided && o.Body.Contains($"{parked.Id}", StringComparison.Ordinal));
        await using (var hold = await Hold.Of(product, $"LOCK TABLE accessplane.agent_progress IN {mode} MODE"))
        {
            var released = parked.Approve("dba", $"{Guid.CreateVersion7()}");
            await Wait.Until(async () => await parked.Ended() == "hold_released", 20, () => "no release");
            await hold.IsWaitedFor();
            await Wait.Until(() => !sent || Told() > 0, 20, () => "the agent is not told");
            await product.Plane.Kill();
            await released.ContinueWith(_ => { }, TaskScheduler.Default); // whether it was answered or not: it is in the log
        }
        Assert.Equal(sent ? 1 : 0, Told());
        // whoever was told of it in time has let it pass already; if not, it stands still with everything else
        var ran = await parked.Runs();
        Assert.True(sent || ran == 0);
        var began = Stopwatch.StartNew();
        await product.Plane.Start();
        await parked.Running.WaitAsync(TimeSpan.FromSeconds(60));
        var took = ran == 1 ? "before" : $"{began.Elapsed.TotalSeconds:0.0} s after";
        // what was sent may be sent again: behind it comes an order that the agent has to acknowledge
        await using var other = await product.Session();
        await Product.Do(other, product.NextNumber());
        await other.CloseAsync();
        var ledger = await RanOnce(parked);
        FaultReport.Saw($"{when}: the statement ran {took} the control plane began again, once, of which the agent was told {Told()} times; {ledger}", ledger.Numbers());
    }

    /// <summary>Nobody hears of the end: the control plane is dead, and the agent is cut off when another takes its place.</summary>
    [Theory]
    [InlineData("cancelled", Explicit = true)]
    [InlineData("left")]
    [InlineData("lapsed", Explicit = true)]
    public async Task A_word_that_comes_after_the_end_is_void(string how)
    {
        await using var link = new Link(product.Port(7), new IPEndPoint(IPAddress.Loopback, product.Port(2)));
        if (how == "lapsed")
        {
            await Under("4s");
        }
        await using var parked = await Parked.In(await Product.Open((await product.TicketFor(await product.Grant())) with { Port = product.Port(7) }, $"parked-{how}", "Cancellation Timeout=0"), product);
        product.ToBroker.Cut();
        await product.Plane.Kill();
        await End(parked, how, link);
        await product.Plane.Start();
        var late = await parked.Approve("dba", $"{Guid.CreateVersion7()}");
        Assert.Equal(how == "lapsed" ? (409, "hold_lapsed") : (200, "hold_released"), (late.Status, await parked.Ended()));
        product.ToBroker.Heal();
        await product.AgentReady();
        var told = await Assert.ThrowsAnyAsync<Exception>(() => parked.Running.WaitAsync(TimeSpan.FromSeconds(60)));
        var code = (told as PostgresException ?? told.InnerException as PostgresException)?.SqlState;
        Assert.Equal(how switch { "cancelled" => "57014", "lapsed" => "42501", _ => null }, code);
        var last = how == "lapsed" ? "hold_lapsed" : "hold_abandoned";
        await Wait.Until(async () => await parked.Ended() == last, 30, () => "the log still says that it was released");
        await parked.DisposeAsync();
        var ledger = (await Ledger.Settled(product)).Holds([]);
        Assert.Equal(0, await parked.Runs());
        Assert.Equal([how == "cancelled" ? "cancelled" : "refused"], await Outcomes.Of(product, parked.Text));
        FaultReport.Saw(
            $"{how} while nobody was there to hear it: a release afterwards was answered with {late.Status}, it never ran, its client was told {code ?? "nothing, it had gone"}, and the log says {last}; {ledger}",
            ledger.Numbers());
    }

    private async Task End(Parked parked, string how, Link link)
    {
        switch (how)
        {
            case "cancelled":
                parked.Cancel();
                break;
            case "left":
                link.Cut();
                await Wait.Until(() => product.Ask<bool>($"SELECT NOT EXISTS (SELECT FROM pg_stat_activity WHERE application_name = 'parked-{how}')"), 20, () => "its session goes on");
                break;
            default:
                var end = await product.AskLog<DateTime>($"SELECT (data ->> 'expiresAt')::timestamptz FROM accessplane.mt_events WHERE stream_id = '{parked.Id}' AND type = 'operation_held'");
                await Wait.Until(() => TimeProvider.System.GetUtcNow().UtcDateTime > end, 20, () => "time stands still");
                break;
        }
    }

    private async Task<Ledger> RanOnce(Parked parked)
    {
        await parked.DisposeAsync();
        var ledger = (await Ledger.Settled(product)).Holds([]);
        Assert.Equal(1, await parked.Runs());
        Assert.Equal(["completed"], await Outcomes.Of(product, parked.Text));
        Assert.Equal("hold_released", await parked.Ended());
        Assert.Equal(1, await product.AskLog<long>($"SELECT count(*) FROM accessplane.mt_events WHERE stream_id = '{parked.Id}' AND type = 'hold_released'"));
        return ledger;
    }

    private Task Under(string timeout) => product.Publish(text => text + Parked.Guardrail.Replace("TIMEOUT", timeout, StringComparison.Ordinal));
}

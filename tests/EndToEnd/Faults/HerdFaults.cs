using System.Diagnostics;
using AccessPlane.Tests.EndToEnd.Faults.World;
using AccessPlane.Tests.EndToEnd.World;

namespace AccessPlane.Tests.EndToEnd.Faults;

/// <summary>Everybody comes back at the same moment, while one right ends.</summary>
[Collection(Alone.Name)]
public sealed class HerdFaults(Product product) : IAsyncLifetime
{
    /// <summary>More than may stand at the door from one address.</summary>
    private const int Herd = 300;
    private const int Few = 20;

    /// <summary>As where two hundred lose their right: here clients, the database and both planes share a few processors.</summary>
    private static readonly TimeSpan Bound = TimeSpan.FromSeconds(5);

    public async ValueTask InitializeAsync() => await product.Ready();

    public async ValueTask DisposeAsync()
    {
        product.ToOrders.Heal();
        if (!product.Agent.Runs)
        {
            product.Agent.Start();
        }
        await product.AgentReady();
    }

    [Theory]
    [InlineData("the agent was started again", Explicit = true)]
    [InlineData("the database was away", Explicit = true)]
    public async Task Three_hundred_come_back_at_once_while_a_right_ends(string why)
    {
        var ending = await product.Grant();
        await using var few = new Herd(product, await product.TicketFor(ending, 2000), Few, "herd-few");
        await using var all = new Herd(product, await product.TicketFor(await product.Grant(), 2000), Herd, "herd-all");
        few.Comes();
        all.Comes();
        await Task.WhenAll(few.IsInside(), all.IsInside());
        few.Waits();
        all.Waits();
        await Lose(why);
        await Wait.Until(() => few.Inside + all.Inside == 0, 30, () => $"{few.Inside + all.Inside} are inside still");

        few.Comes();
        await few.IsInside();
        var before = few.Cuts.Count;
        var back = Stopwatch.StartNew();
        all.Comes();
        await Wait.Until(() => all.Inside > 0, 60, () => "nobody gets in");
        var from = Stopwatch.GetTimestamp();
        var (insideThen, refusedThen) = (all.Inside, all.Refused.Count);
        (await product.Plane.Api.Post("admin", $"/v1/grants/{ending}/revoke", new { reason = "a test" })).Is(200);
        await Wait.Until(() => few.Cuts.Count == before + Few && few.Away == Few, 60, () => $"{few.Cuts.Count - before} were cut, {few.Away} know why");
        var cut = few.Cuts.Order().Skip(before).Select(at => Stopwatch.GetElapsedTime(from, at).TotalMilliseconds).ToList();
        var insideAtTheCut = all.Inside;
        await all.IsInside();
        back.Stop();

        Assert.Equal(0, few.Inside);
        var told = all.Refused.Select(r => $"{r.MessageText} {r.Hint}").ToList();
        Assert.All(told, text => Assert.Contains("try again", text, StringComparison.Ordinal));
        await Task.WhenAll(all.Leaves(), few.Leaves());
        await Wait.Until(() => product.Ask<bool>("SELECT NOT EXISTS (SELECT FROM pg_stat_activity WHERE application_name LIKE 'herd-%')"), 30, () => "backends are left");
        var ledger = (await Ledger.Settled(product)).Holds([.. all.Acknowledged, .. few.Acknowledged]);
        Assert.True(cut[^1] < Bound.TotalMilliseconds, $"the last was cut after {cut[^1]:0} ms");
        FaultReport.Saw(
            $"{why}: {Herd} came back at once and were all inside after {back.Elapsed.TotalSeconds:0.0} s, {told.Count} refusals said to try again; a right that ended when {insideThen} of them were inside and {refusedThen} had been refused was cut after " +
            $"{cut[Few / 2]:0} ms (half of its {Few} sessions), {cut[^1]:0} ms (the last), {insideAtTheCut} inside by then, and none of its holders got in again; {ledger}",
            ledger.Numbers(($"revoked while {Herd} come back: ms to the last cut", cut[^1])));
    }

    private async Task Lose(string why)
    {
        if (why == "the agent was started again")
        {
            await product.Agent.Kill();
            product.Agent.Start();
        }
        else
        {
            product.ToOrders.Cut();
            product.ToOrders.Heal();
        }
        await product.AgentReady();
    }
}

using System.Diagnostics;
using System.Globalization;
using System.Security.Cryptography;
using AccessPlane.Tests.EndToEnd.Faults.World;
using AccessPlane.Tests.EndToEnd.World;

namespace AccessPlane.Tests.EndToEnd.Faults;

/// <summary>Two control planes side by side, behind nothing but their ports: either may die at any time.</summary>
[Collection(Alone.Name)]
public sealed class HighAvailabilityFaults(Product product) : IAsyncLifetime
{
    private static readonly TimeSpan FailOver = TimeSpan.FromSeconds(5);

    public async ValueTask InitializeAsync()
    {
        await product.Ready();
        await product.Planes[1].Start();
    }

    public async ValueTask DisposeAsync()
    {
        await product.Planes[1].Kill();
        if (!product.Plane.Runs)
        {
            await product.Plane.Start();
        }
    }

    [Theory]
    [InlineData(2, Explicit = true)]
    [InlineData(20, Explicit = true)]
    public async Task Either_is_killed_at_any_time_and_everything_goes_on(int kills)
    {
        await using var tap = await Tap.On(product);
        await using var load = await Load.Start(product, 4, () => product.Planes[RandomNumberGenerator.GetInt32(2)]);
        await using var office = new Office(product);
        var (ofProjection, ofPublisher) = (TimeSpan.Zero, TimeSpan.Zero);
        for (var i = 0; i < kills; i++)
        {
            var (dies, lives) = (product.Planes[i % 2], product.Planes[(i + 1) % 2]);
            await load.Flows(RandomNumberGenerator.GetInt32(1, 200));
            await dies.Kill();
            var since = Stopwatch.StartNew();
            var (projection, publisher) = (Reads(lives, since), Publishes(lives, since));
            ofProjection = Longest(ofProjection, await projection);
            ofPublisher = Longest(ofPublisher, await publisher);
            await dies.Start();
        }
        await load.Flows();
        await office.Stop();
        await load.Stop();

        var ledger = (await Ledger.Settled(product)).Holds(load.Acknowledged);
        Assert.Equal(0, load.Cut);
        await office.Compare();
        var orders = await OrdersCame(tap);
        var tables = await ReadModelsAreWhatARebuildGives(product.Planes[1]);
        FaultReport.Saw(
            $"{kills} kills: {office.Asked} requests acknowledged, each in the log once and decided once, {office.Repeated} calls made again; {orders}; {tables} read models equal their rebuild; " +
            $"another took over reading after {ofProjection.TotalSeconds:0.0} s and publishing after {ofPublisher.TotalSeconds:0.0} s at most; {load.Cut} of {load.Opened} sessions cut; {ledger}",
            ledger.Numbers(("fail-over of a projection, s", ofProjection.TotalSeconds), ("fail-over of a publisher, s", ofPublisher.TotalSeconds)));
        Assert.True(ofProjection < FailOver * Wait.Patience && ofPublisher < FailOver * Wait.Patience, $"fail-over took {ofProjection} and {ofPublisher}");
    }

    [Fact]
    public async Task The_one_that_folds_a_read_model_is_killed_in_the_middle_of_it()
    {
        string who;
        string request;
        await using (var hold = await Hold.Of(product, "LOCK TABLE accessplane.p_requests IN EXCLUSIVE MODE"))
        {
            request = (await product.Plane.Api.Post("engineer", "/v1/requests", new { entitlement = "by-approval", duration = "PT1H", reason = "a test" })).Is(201).Text("id");
            await hold.IsWaitedFor();
            who = await hold.WhoWaits();
            await product.Planes.Single(p => p.Name == who).Kill();
            await hold.EndWhoWaits();
        }
        var since = Stopwatch.StartNew();
        var lives = product.Planes.Single(p => p.Name != who);
        var took = await Reads(lives, since);
        Assert.Equal(request, (await lives.Api.Get("engineer", $"/v1/requests/{request}")).Is(200).Text("id"));
        await product.Planes.Single(p => p.Name == who).Start();
        var tables = await ReadModelsAreWhatARebuildGives(lives);
        Assert.True(took < FailOver * Wait.Patience, $"fail-over took {took}");
        FaultReport.Saw($"the other one had taken over after {took.TotalSeconds:0.0} s; {tables} read models equal their rebuild", ("fail-over of a projection, s", took.TotalSeconds));
    }

    private static TimeSpan Longest(TimeSpan one, TimeSpan other) => one > other ? one : other;

    /// <summary>Until a read model shows what was written after the fault.</summary>
    private static async Task<TimeSpan> Reads(Plane at, Stopwatch since)
    {
        var id = (await at.Api.Post("engineer2", "/v1/requests", new { entitlement = "by-approval", duration = "PT1H", reason = "a test" })).Is(201).Text("id");
        await Wait.Until(async () =>
        {
            var answer = await at.Api.Get("engineer2", "/v1/requests?limit=200");
            return answer.Status == 200 && answer.Body.ToString().Contains(id, StringComparison.Ordinal);
        }, 60, () => "the read models do not get on");
        return since.Elapsed;
    }

    /// <summary>Until an agent has acknowledged an order that was given after the fault.</summary>
    private async Task<TimeSpan> Publishes(Plane at, Stopwatch since)
    {
        var grant = (await at.Api.Post("engineer2", "/v1/requests", new { entitlement = "orders", duration = "PT1H", reason = "a test" })).Is(201).Text("grantId");
        await product.TicketFor(grant, who: "engineer2", by: at);
        return since.Elapsed;
    }

    /// <summary>Every order that the log holds since the tap was set came, in the log's order; one that comes again has the place that it had.</summary>
    private async Task<string> OrdersCame(Tap tap)
    {
        const string Tickets = "SELECT coalesce(array_agg(seq_id ORDER BY seq_id), '{}') FROM accessplane.mt_events WHERE type = 'ticket_issued' AND seq_id >= ";
        var orders = tap.Orders;
        var first = orders.DistinctBy(o => (o.Position, o.Kind)).ToList();
        Assert.Equal(first.Select(o => o.Position).Order(), first.Select(o => o.Position));
        Assert.All(orders.GroupBy(o => (o.Position, o.Kind)), again => Assert.Single(again.Select(o => o.Body).Distinct()));
        var tickets = await product.AskLog<long[]>(Tickets + orders[0].Position.ToString(CultureInfo.InvariantCulture));
        Assert.Equal(tickets, first.Where(o => o.Kind == "ticket").Select(o => o.Position));
        return $"{first.Count} orders came in the log's order and none is missing, {orders.Count - first.Count} came again in their place";
    }

    private async Task<int> ReadModelsAreWhatARebuildGives(Plane at)
    {
        var names = (await at.Api.Get("admin", "/v1/projections")).Is(200).Body.GetProperty("items").EnumerateArray().Select(p => p.GetProperty("name").GetString()!).ToList();
        var lived = new Dictionary<string, string>();
        // time goes on, and agents return: of a moment in which nothing was appended
        await Wait.Until(async () =>
        {
            var head = await Head();
            (await at.Api.Get("engineer", "/v1/requests?limit=1")).Is(200);
            foreach (var name in names)
            {
                lived[name] = await Contents(name);
            }
            foreach (var name in names)
            {
                (await at.Api.Post("admin", $"/v1/projections/{name}/rebuild")).Is(200);
            }
            var rebuilt = new Dictionary<string, string>();
            foreach (var name in names)
            {
                rebuilt[name] = await Contents(name);
            }
            if (await Head() != head)
            {
                return false;
            }
            Assert.Equal(lived, rebuilt);
            return true;
        }, 60, () => "the log never rests");
        return names.Count;
    }

    private Task<long> Head() => product.AskLog<long>("SELECT accessplane.ap_drawn()");

    private Task<string> Contents(string projection) => product.AskLog<string>(
        $"SELECT count(*) || ' rows, ' || md5(coalesce(string_agg(t::text, E'\\n' ORDER BY t::text), '')) FROM accessplane.p_{projection.Replace('-', '_')} t");
}

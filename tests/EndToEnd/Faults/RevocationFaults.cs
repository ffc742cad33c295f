using System.Diagnostics;
using System.Globalization;
using AccessPlane.Tests.EndToEnd.Faults.World;
using AccessPlane.Tests.EndToEnd.World;
using Npgsql;

namespace AccessPlane.Tests.EndToEnd.Faults;

/// <summary>Two hundred sessions lose their right at once, in each way in which it can be lost: measured by their clients, from the word to the cut.</summary>
[Collection(Alone.Name)]
public sealed class RevocationFaults(Product product) : IAsyncLifetime
{
    private const int Sessions = 200;

    /// <summary>The promise is one second at p99 for an agent with processors of its own; here two hundred clients, the database and both planes share a few.</summary>
    private static readonly TimeSpan Bound = TimeSpan.FromSeconds(5);

    public async ValueTask InitializeAsync() => await product.Ready();

    public async ValueTask DisposeAsync() => await product.Publish();

    [Theory]
    [InlineData("revoked", "idle")]
    [InlineData("revoked", "busy")]
    [InlineData("revoked", "waiting", Explicit = true)]
    [InlineData("locked", "idle", Explicit = true)]
    [InlineData("expired", "idle", Explicit = true)]
    [InlineData("policy", "idle", Explicit = true)]
    public async Task Two_hundred_sessions_lose_their_right_at_once(string how, string doing)
    {
        var grant = await product.Grant(entitlement: "orders", duration: how == "expired" ? "PT30S" : "PT1H");
        var ticket = await product.TicketFor(grant, Sessions);
        await using var bystander = await product.Session(await Other());
        var open = new List<NpgsqlConnection>();
        try
        {
            foreach (var chunk in Enumerable.Range(0, Sessions).Chunk(10))
            {
                open.AddRange(await Task.WhenAll(chunk.Select(_ => Product.Open(ticket, $"crowd-{how}-{doing}"))));
            }
            var cut = open.Select(session => Cut(session, doing)).ToList();
            if (doing != "idle")
            {
                await Wait.Until(() => product.Ask<bool>($"SELECT count(*) > {Sessions * (doing == "busy" ? 0 : 1) - 1} FROM pg_stat_activity WHERE application_name = 'crowd-{how}-{doing}' AND query <> ''"), 30, () => "they do nothing");
            }
            Assert.All(cut, c => Assert.False(c.IsCompleted));
            var from = await Loses(grant, how);
            var after = (await Task.WhenAll(cut).WaitAsync(TimeSpan.FromSeconds(60))).Select(at => Stopwatch.GetElapsedTime(from, at).TotalMilliseconds).Order().ToList();
            var (p50, p99) = (after[Sessions / 2], after[(Sessions * 99 / 100) - 1]);
            await Product.Do(bystander, product.NextNumber());
            await Wait.Until(() => product.Ask<bool>($"SELECT NOT EXISTS (SELECT FROM pg_stat_activity WHERE application_name = 'crowd-{how}-{doing}')"), 20, () => "backends are left");
            await bystander.CloseAsync();
            var ledger = (await Ledger.Settled(product)).Holds([]);
            FaultReport.Saw(
                $"{how} with {Sessions} sessions, {doing}: the client saw the cut after {p50:0} ms (p50), {p99:0} ms (p99), {after[^1]:0} ms at most; no backend is left, another grant's session went on; {ledger}",
                ledger.Numbers(($"{how}, {Sessions} sessions {doing}: p50 ms to the cut", p50), ($"{how}, {Sessions} sessions {doing}: p99 ms to the cut", p99)));
            Assert.True(p99 < Bound.TotalMilliseconds, $"p99 was {p99:0} ms");
        }
        finally
        {
            await Task.WhenAll(open.Select(session => session.DisposeAsync().AsTask()));
        }
    }

    /// <summary>When the session ended, by its client's clock.</summary>
    private static async Task<long> Cut(NpgsqlConnection session, string doing)
    {
        await Task.Yield();
        try
        {
            while (true)
            {
                switch (doing)
                {
                    case "idle":
                        await session.WaitAsync();
                        break;
                    case "waiting":
                        await Product.Do(session, "SELECT pg_sleep(600)");
                        break;
                    default:
                        await Product.Do(session, "SELECT count(*) FROM generate_series(1, 100)");
                        break;
                }
            }
        }
        catch (NpgsqlException)
        {
            return Stopwatch.GetTimestamp();
        }
    }

    /// <summary>A right that lasts: where a policy takes those of one entitlement, it is of another.</summary>
    private Task<string> Other() => product.Grant(entitlement: "payroll");

    /// <returns>The moment from which it is counted: before the word was given, or when time was over.</returns>
    private async Task<long> Loses(string grant, string how)
    {
        await product.Plane.Api.Token("admin");
        var from = Stopwatch.GetTimestamp();
        switch (how)
        {
            case "revoked":
                (await product.Plane.Api.Post("admin", $"/v1/grants/{grant}/revoke", new { reason = "a test" })).Is(200);
                return from;
            case "locked":
                (await product.Plane.Api.Post("admin", "/v1/locks", new { on = new { grant }, reason = "a test" })).Is(201);
                return from;
            case "policy":
                await product.Publish(text => text.Replace("{ id: orders, resource: orders,", "{ id: orders-again, resource: orders,", StringComparison.Ordinal));
                return from;
            default:
                var end = DateTimeOffset.Parse((await product.Plane.Api.Get("engineer", $"/v1/grants/{grant}")).Is(200).Text("notAfter"), CultureInfo.InvariantCulture);
                var left = end - TimeProvider.System.GetUtcNow();
                Assert.True(left > TimeSpan.Zero, "it took too long to open all sessions");
                return Stopwatch.GetTimestamp() + (long)(left.TotalSeconds * Stopwatch.Frequency);
        }
    }
}

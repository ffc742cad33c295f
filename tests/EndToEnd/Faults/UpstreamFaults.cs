using System.Diagnostics;
using System.Net;
using AccessPlane.Tests.EndToEnd.Faults.World;
using AccessPlane.Tests.EndToEnd.World;
using Npgsql;

namespace AccessPlane.Tests.EndToEnd.Faults;

/// <summary>What is behind the agent stalls, dies and comes back; what is before it closes its half.</summary>
[Collection(Alone.Name)]
public sealed class UpstreamFaults(Product product) : IAsyncLifetime
{
    public async ValueTask InitializeAsync() => await product.Ready();

    public ValueTask DisposeAsync()
    {
        product.ToOrders.Heal();
        return ValueTask.CompletedTask;
    }

    [Fact]
    public async Task A_database_that_stalls_holds_up_its_own_sessions_alone_and_they_can_be_cut()
    {
        var revoked = await product.Grant();
        await using var goes = await product.Session(revoked);
        await using var stays = await product.Session();
        await using var elsewhere = await product.Session(await product.Grant(entitlement: "payroll"));
        await Product.Do(elsewhere, product.NextNumber());
        product.ToOrders.Silence(towardsServer: true, towardsClient: true);
        var (never, later) = (Product.Do(goes, product.NextNumber()), Product.Do(stays, product.NextNumber()));
        var slowest = TimeSpan.Zero;
        for (var i = 0; i < 100; i++)
        {
            var one = Stopwatch.StartNew();
            await Product.Do(elsewhere, product.NextNumber());
            slowest = slowest > one.Elapsed ? slowest : one.Elapsed;
        }
        Assert.False(never.IsCompleted || later.IsCompleted);
        var watch = Stopwatch.StartNew();
        (await product.Plane.Api.Post("admin", $"/v1/grants/{revoked}/revoke", new { reason = "a test" })).Is(200);
        await Assert.ThrowsAnyAsync<NpgsqlException>(() => never.WaitAsync(TimeSpan.FromSeconds(20 * Wait.Patience)));
        var cut = watch.Elapsed;
        product.ToOrders.Heal();
        await later.WaitAsync(TimeSpan.FromSeconds(20 * Wait.Patience));
        await stays.CloseAsync();
        await elsewhere.CloseAsync();
        var ledger = (await Ledger.Settled(product)).Holds([]);
        Assert.True(cut < TimeSpan.FromSeconds(2 * Wait.Patience), $"the cut took {cut}");
        FaultReport.Saw(
            $"100 statements by another way took {slowest.TotalMilliseconds:0} ms at most meanwhile; a stalled session was cut {cut.TotalMilliseconds:0} ms after its revocation, another got its answer when the database went on; {ledger}",
            ledger.Numbers());
    }

    [Fact]
    public async Task A_database_that_dies_ends_its_sessions_and_none_of_them_is_continued_behind_their_backs()
    {
        await using var load = await Load.Start(product);
        var grant = await product.Grant();
        await using var session = await product.Session(grant);
        var ticket = await product.TicketFor(grant);
        product.ToOrders.Cut();
        var ended = await Assert.ThrowsAnyAsync<NpgsqlException>(() => Product.Do(session, product.NextNumber()));
        var refused = await Run.ToEnd("psql", ["-X", ticket.Url(), "-c", "SELECT 1"]);
        Assert.Equal(2, refused.Status);
        Assert.Contains("the database behind this agent cannot be reached at the moment", refused.Output, StringComparison.Ordinal);
        product.ToOrders.Heal();
        await load.Flows();
        await load.Stop();
        Assert.NotEqual(0, load.Cut);
        var ledger = (await Ledger.Settled(product)).Holds(load.Acknowledged);
        FaultReport.Saw(
            $"{load.Cut + 1} of {load.Opened + 1} sessions ended ({(ended as PostgresException)?.SqlState}), a new one was told that the database cannot be reached; new ones came in when it was back; {ledger}",
            ledger.Numbers());
    }

    [Fact]
    public async Task A_database_that_restarts_under_load_has_done_what_is_recorded()
    {
        await using var load = await Load.Start(product);
        try
        {
            (await TestWorld.Infra("server", "stop", "postgres-orders")).Succeeded();
        }
        finally
        {
            (await TestWorld.Infra("server", "start", "postgres-orders")).Succeeded();
        }
        await load.Flows();
        await load.Stop();
        var ledger = (await Ledger.Settled(product)).Holds(load.Acknowledged);
        FaultReport.Saw($"{load.Cut} of {load.Opened} sessions ended; {ledger}", ledger.Numbers());
    }

    /// <summary>As with PostgreSQL itself: whoever has said all there is to say is still given the answer, if it comes soon.</summary>
    [Fact]
    public async Task A_client_that_closes_its_half_has_what_it_asked_for_done_once()
    {
        await using var link = new Link(product.Port(7), new IPEndPoint(IPAddress.Loopback, product.Port(2)));
        await using var session = await Product.Open(await Through(), "client-half-closes");
        var number = product.NextNumber();
        await using var batch = new NpgsqlBatch(session) { BatchCommands = { new("SELECT pg_sleep(1)"), new($"INSERT INTO done VALUES ({number})") } };
        var running = batch.ExecuteNonQueryAsync();
        await Wait.Until(() => product.Ask<bool>("SELECT EXISTS (SELECT FROM pg_stat_activity WHERE application_name = 'client-half-closes' AND query LIKE '%pg_sleep%')"), 20, () => "it does not run");
        link.HalfClose();
        await running.WaitAsync(TimeSpan.FromSeconds(20 * Wait.Patience));
        await Wait.Until(() => product.Ask<bool>("SELECT NOT EXISTS (SELECT FROM pg_stat_activity WHERE application_name = 'client-half-closes')"), 20, () => "the backend stays");
        var ledger = (await Ledger.Settled(product)).Holds([number]);
        FaultReport.Saw($"it got its answer, and its session ended by itself; {ledger}", ledger.Numbers());
    }

    private async Task<Ticket> Through() => (await product.TicketFor(await product.Grant())) with { Port = product.Port(7) };
}

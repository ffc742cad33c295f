using System.Diagnostics;
using System.Net.Sockets;
using AccessPlane.Agent;
using Xunit;
using static AccessPlane.Tests.Integration.Wire.RawClient;
using static AccessPlane.Tests.Integration.Wire.WireAgent;

namespace AccessPlane.Tests.Integration.Wire;

/// <summary>A client that is gone while the server works for it takes its work along; one that has only closed its half gets what is done soon.</summary>
public sealed class LeavingTests : IAsyncDisposable
{
    private static readonly DoorBounds Soon = new(HalfClosed: TimeSpan.FromSeconds(1));
    private static readonly DoorBounds Never = new(HalfClosed: TimeSpan.FromHours(1));
    private WireAgent agent = null!;

    public ValueTask DisposeAsync() => agent.DisposeAsync();

    private async Task Open(DoorBounds bounds, bool tls = false)
    {
        agent = await Start(new WireOptions(Tls: tls) { Bounds = bounds });
        await agent.Directly("create table left_behind (a int)", $"grant all on left_behind to {agent.Database}");
    }

    private Task Sleeps() => Until(() => agent.Backends("query like '%pg_sleep%' and state = 'active'", 1));

    /// <summary>The backend is gone, nothing that it did was committed, and the record says how it ended.</summary>
    private async Task TookItAlong()
    {
        await Until(() => agent.Backends("true", 0));
        await Until(() => Task.FromResult(agent.Live.Count == 0));
        Assert.Equal(0L, await agent.Ask("select count(*) from left_behind"));
        var end = Assert.Single(agent.Transcript(), l => l.Contains("\"cause\":\"closed\"", StringComparison.Ordinal));
        Assert.Contains("its client left while a statement ran", end, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("disable")]
    [InlineData("require")]
    public async Task A_psql_that_is_killed_while_its_statement_runs_takes_it_along(string sslMode)
    {
        await Open(Soon, tls: true);
        using var psql = Programs.Start(
            "psql", Programs.Through(agent, sslMode: sslMode), "-X", "-c", "begin", "-c", "insert into left_behind values (1)", "-c", "select pg_sleep(60)", "-c", "commit");
        await Sleeps();
        var killed = Stopwatch.GetTimestamp();
        psql.Kill(); // SIGKILL: the kernel closes its socket, and nobody says goodbye
        await TookItAlong();
        FaultReport.Saw($"its statement was gone {Stopwatch.GetElapsedTime(killed).TotalMilliseconds:0} ms after the kill, and nothing of its transaction was left");
    }

    [Fact]
    public async Task What_was_pipelined_behind_the_statement_of_a_client_that_left_is_not_done()
    {
        await Open(Soon);
        using var client = await agent.Connect();
        await client.Send([Query("select pg_sleep(60)"), .. Enumerable.Repeat(Query("insert into left_behind values (1)"), 200), Terminate]);
        await Sleeps();
        client.Dispose();
        await TookItAlong();
    }

    [Fact]
    public async Task A_client_that_resets_its_connection_takes_its_statement_along_at_once()
    {
        await Open(Never);
        using var client = await agent.Connect();
        await client.Send(Query("insert into left_behind select 1 from pg_sleep(60)"));
        await Sleeps();
        client.Socket.Close(0);
        await TookItAlong();
    }

    [Fact]
    public async Task A_reset_is_seen_even_where_unread_bytes_of_the_client_stand_in_the_way()
    {
        await Open(Never);
        using var client = await agent.Connect();
        await client.Send(Query("insert into left_behind select 1 from pg_sleep(60)"), Query("select 1"));
        await Sleeps();
        client.Socket.Close(0);
        await TookItAlong();
    }

    [Fact]
    public async Task A_client_that_closed_its_half_gets_every_answer_that_is_there_in_time()
    {
        await Open(new DoorBounds());
        using var client = await agent.Connect();
        await client.Send(Query("select pg_sleep(0.5)"), Query("insert into left_behind values (1)"));
        client.Socket.Shutdown(SocketShutdown.Send);
        Assert.Equal("T D[] C[SELECT 1] ZI", Story(await client.UntilReady()));
        Assert.Equal("C[INSERT 0 1] ZI", Story(await client.UntilReady()));
        Assert.Null(await client.Read());
        await Until(() => Task.FromResult(agent.Live.Count == 0));
        var end = Assert.Single(agent.Transcript(), l => l.Contains("\"cause\":\"closed\"", StringComparison.Ordinal));
        Assert.DoesNotContain("its client left", end, StringComparison.Ordinal);
    }
}

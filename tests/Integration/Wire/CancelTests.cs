using System.Buffers.Binary;
using AccessPlane.Contracts.Policy;
using AccessPlane.Tests.Unit.Domain;
using AccessPlane.Tests.Unit.Wire;
using Xunit;
using static AccessPlane.Tests.Integration.Wire.RawClient;
using static AccessPlane.Tests.Integration.Wire.WireAgent;

namespace AccessPlane.Tests.Integration.Wire;

/// <summary>CancelRequest, which anybody may send: it reaches its session or nobody, tells the asker nothing, and costs the server little.</summary>
public sealed class CancelTests : IAsyncLifetime
{
    private WireAgent agent = null!;

    public async ValueTask InitializeAsync() => agent = await WireAgent.Start(new WireOptions(Tls: true));

    public ValueTask DisposeAsync() => agent.DisposeAsync();

    [Fact]
    public async Task P8_a_cancel_with_the_sessions_key_cancels_and_any_other_is_silent()
    {
        using var client = await agent.Connect();
        await client.Send(Query("select pg_sleep(30)"));
        await Until(() => agent.Backends("state = 'active' and query like '%pg_sleep%'", 1));
        foreach (var (pid, secret) in new[] { (client.Pid, client.Secret ^ 1), (client.Pid ^ 1, client.Secret), (0, 0) })
        {
            await Cancel(agent.Port, pid, secret);
        }
        Assert.Equal(1L, await agent.Ask($"select count(*) from pg_stat_activity where usename = '{agent.Database}' and state = 'active'"));
        await Cancel(agent.Port, client.Pid, client.Secret);
        Assert.Equal("T E57014 ZI", Story(await client.UntilReady()));
        await client.StillWorks();
        Assert.Contains(agent.Transcript(), l => l.Contains("\"kind\":\"cancel\"", StringComparison.Ordinal));
        Assert.Contains(agent.Transcript(), l => l.Contains("\"outcome\":\"cancelled\"", StringComparison.Ordinal));
    }

    /// <summary>Whoever has a session's key could otherwise open any number of connections to the server.</summary>
    [Fact]
    public async Task A_flood_of_cancels_is_one_connection_to_the_server_and_one_behind_it()
    {
        await using var server = new FakeServer { KeepsCancels = true };
        await using var behind = await WireAgent.Start(new WireOptions(UpstreamHost: "127.0.0.1", UpstreamPort: server.Port));
        using var client = await behind.Connect();
        await client.Send(Query("select pg_sleep(30)"));
        await Until(() => Task.FromResult(server.Asked.Contains('Q')));
        await Task.WhenAll(Enumerable.Range(0, 100).Select(_ => Cancel(behind.Port, client.Pid, client.Secret)));
        await Until(() => Task.FromResult(server.Cancels > 0)); // nobody who asks waits for it
        Assert.Equal(1, server.Cancels);
        server.LetCancelsGo();
        await Until(() => Task.FromResult(server.Cancels == 2));
        Assert.Equal(2, behind.Transcript().Count(l => l.Contains("\"kind\":\"cancel\"", StringComparison.Ordinal)));
    }

    /// <summary>The database has answered all the same, and is slow to look at what else it was told.</summary>
    [Fact]
    public async Task A_cancel_of_the_agents_own_that_the_server_takes_late_hits_nothing_that_came_behind()
    {
        await using var server = new FakeServer
        {
            KeepsCancels = true,
            Answer = sql => Rows(sql.Contains("four", StringComparison.Ordinal) ? 4 : 1),
        };
        // what bounds the wait for the server stands still
        await using var behind = await WireAgent.Start(new WireOptions(UpstreamHost: "127.0.0.1", UpstreamPort: server.Port, Time: new ManualClock(TimeProvider.System.GetUtcNow())));
        behind.Publish(model => model with { Limits = [new LimitRule("few", "orders", RowsPerStatement: 3)] });
        using var client = await behind.Connect();
        Assert.Equal("T D[1] D[2] D[3] E54000 ZI", Story(await client.Ask(Query("select 1 as four"))));
        await client.Send(Query("select 1 as behind"));
        // it was looked at, let through and recorded: nothing but the cancel that is under way keeps it from the server
        await Until(() => Task.FromResult(server.Cancels == 1 && behind.Transcript().Any(l => l.Contains("select 1 as behind", StringComparison.Ordinal))));
        Assert.Equal("Q", string.Concat(server.Asked));
        server.LetCancelsGo();
        Assert.Equal("T D[1] C[SELECT 1] ZI", Story(await client.UntilReady()));
        Assert.Equal((1, "QQ"), (server.Cancels, string.Concat(server.Asked)));
        FaultReport.Saw("the statement behind waited for 1 cancel to be taken, ran, and was answered whole");
    }

    [Fact]
    public async Task A_cancel_of_a_session_that_does_nothing_reaches_nobody()
    {
        await using var server = new FakeServer();
        await using var behind = await WireAgent.Start(new WireOptions(UpstreamHost: "127.0.0.1", UpstreamPort: server.Port));
        using var client = await behind.Connect();
        await Cancel(behind.Port, client.Pid, client.Secret);
        Assert.Equal("I ZI", Story(await client.Ask(Query(""))));
        Assert.Equal(0, server.Cancels);
    }

    [Fact]
    public async Task A_cancel_request_of_another_size_is_like_one_with_a_wrong_key()
    {
        using var client = await agent.Connect();
        await client.Send(Query("select pg_sleep(30)"));
        await Until(() => agent.Backends("state = 'active' and query like '%pg_sleep%'", 1));
        foreach (var size in new[] { 8, 12, 15, 17, 1000 })
        {
            using var other = await Dial(agent.Port);
            var request = new byte[size];
            BinaryPrimitives.WriteInt32BigEndian(request, size);
            BinaryPrimitives.WriteInt32BigEndian(request.AsSpan(4), 80877102);
            await other.Send(request);
            Assert.Null(await other.Read());
        }
        Assert.True(await agent.Backends("state = 'active' and query like '%pg_sleep%'", 1));
    }

    /// <summary>One column, numbered.</summary>
    private static byte[] Rows(int rows) =>
    [
        .. Frames.Answer('T', [0, 1, .. Frames.Text("n"), .. Frames.Int32(0), 0, 0, .. Frames.Int32(25), 0xff, 0xff, .. Frames.Int32(-1), 0, 0]),
        .. Enumerable.Range(1, rows).SelectMany(i => Frames.Answer('D', [0, 1, .. Frames.Int32(1), (byte)('0' + i)])),
        .. Frames.Complete($"SELECT {rows}"), .. Frames.Ready('I'),
    ];

    private static async Task Cancel(int port, int pid, int secret)
    {
        using var other = await Dial(port);
        byte[] request = [0, 0, 0, 16, 4, 210, 22, 46, 0, 0, 0, 0, 0, 0, 0, 0];
        BinaryPrimitives.WriteInt32BigEndian(request.AsSpan(8), pid);
        BinaryPrimitives.WriteInt32BigEndian(request.AsSpan(12), secret);
        await other.Send(request);
        Assert.Null(await other.Read()); // it closes, whatever the key
    }
}

using System.Net;
using System.Net.Sockets;
using AccessPlane.Agent;
using AccessPlane.Tests.Unit.Domain;
using Xunit;
using static AccessPlane.Tests.Integration.Wire.RawClient;
using static AccessPlane.Tests.Integration.Wire.WireAgent;

namespace AccessPlane.Tests.Integration.Wire;

/// <summary>Strangers: how long, and how many of them, may stand at the door without having proven who they are.</summary>
public sealed class DoorTests : IAsyncLifetime
{
    private readonly ManualClock clock = new(TimeProvider.System.GetUtcNow());
    private WireAgent agent = null!;

    private static readonly DoorBounds Bounds = new(Strangers: 24, StrangersPerAddress: 6, ConnectionsPerSecond: 20, FailedLogins: 5);

    public async ValueTask InitializeAsync() => agent = await WireAgent.Start(new WireOptions(Tls: true, Time: clock) { Bounds = Bounds });

    public ValueTask DisposeAsync() => agent.DisposeAsync();

    public enum Stage { SaysNothing, HalfALength, HalfAStartup, SaidNothingAfterTls, HalfATlsHello, SaidNothingToScram }

    private static async Task Reach(RawClient client, Stage stage)
    {
        switch (stage)
        {
            case Stage.HalfALength:
                await client.Send([0, 0]);
                break;
            case Stage.HalfAStartup:
                await client.Send(Startup(("user", "t_1"), ("database", "orders"))[..^7]);
                break;
            case Stage.SaidNothingAfterTls:
                await client.AskForTls();
                break;
            case Stage.HalfATlsHello:
                await client.Send([0x16, 3, 1, 2, 0, 1, 0, 1]);
                break;
            case Stage.SaidNothingToScram:
                await client.Send(Startup(("user", "t_1")));
                Assert.Equal('R', (await client.Read())!.Value.Type);
                break;
        }
    }

    [Theory]
    [InlineData(Stage.SaysNothing)]
    [InlineData(Stage.HalfALength)]
    [InlineData(Stage.HalfAStartup)]
    [InlineData(Stage.SaidNothingAfterTls)]
    [InlineData(Stage.HalfATlsHello)]
    [InlineData(Stage.SaidNothingToScram)]
    public async Task P9c_whoever_has_proven_nothing_after_ten_seconds_is_put_out(Stage stage)
    {
        var before = clock.TimersSet;
        using var client = await Dial(agent.Port);
        await Until(() => Task.FromResult(clock.TimersSet > before));
        await Reach(client, stage);
        clock.Advance(TimeSpan.FromSeconds(9.9));
        Assert.NotEqual(0, await Peeked(client.Socket));
        clock.Advance(TimeSpan.FromSeconds(0.2));
        Assert.Null(await client.Read());
        FaultReport.Saw($"{stage}: inside after 9.9 s and out after 10.1 s, by the test's clock");
    }

    [Fact]
    public async Task Whoever_has_proven_it_is_not_put_out()
    {
        using var client = await agent.Connect();
        clock.Advance(TimeSpan.FromHours(1));
        await client.StillWorks();
    }

    [Fact]
    public async Task One_address_and_all_together_have_a_bounded_number_of_places()
    {
        using var refused = new Counted("accessplane.strangers.refused");
        var strangers = new List<RawClient>();
        try
        {
            for (var address = 1; address <= Bounds.Strangers / Bounds.StrangersPerAddress; address++)
            {
                await Fill(IPAddress.Parse($"127.0.0.{address}"), strangers);
                await IsRefused(IPAddress.Parse($"127.0.0.{address}"), "too many logins from your address at a time");
            }
            await IsRefused(IPAddress.Parse("127.0.0.99"), "too many logins at a time");
            Assert.InRange(refused.Of("address"), 4, long.MaxValue); // doors of other tests count with it
            Assert.InRange(refused.Of("all"), 1, long.MaxValue);
            strangers[0].Dispose();
            await Until(async () =>
            {
                using var next = await Dial(agent.Port, IPAddress.Parse("127.0.0.1"));
                return await Peeked(next.Socket) is null; // neither an answer nor the end
            });
        }
        finally
        {
            strangers.ForEach(s => s.Dispose());
        }
    }

    [Fact]
    public async Task Who_got_in_has_given_the_place_back()
    {
        var sessions = new List<RawClient>();
        for (var i = 0; i < 2 * Bounds.StrangersPerAddress; i++)
        {
            sessions.Add(await agent.Connect());
        }
        foreach (var session in sessions)
        {
            await session.StillWorks();
            session.Dispose();
        }
    }

    private async Task Fill(IPAddress address, List<RawClient> strangers)
    {
        var before = clock.TimersSet;
        for (var i = 0; i < Bounds.StrangersPerAddress; i++)
        {
            strangers.Add(await Dial(agent.Port, address));
        }
        await Until(() => Task.FromResult(clock.TimersSet >= before + Bounds.StrangersPerAddress));
    }

    private async Task IsRefused(IPAddress address, string why)
    {
        using var client = await Dial(agent.Port, address);
        Assert.Equal($"53300 {why}: try again shortly", await client.Refusal());
    }

    [Fact]
    public async Task Whoever_fails_again_and_again_is_refused_for_a_while_and_others_are_not()
    {
        var (from, elsewhere) = (IPAddress.Parse("127.0.0.51"), IPAddress.Parse("127.0.0.52"));
        for (var i = 0; i < Bounds.FailedLogins; i++)
        {
            using var guesses = await Dial(agent.Port, from);
            Assert.Contains("not accepted", (await Assert.ThrowsAsync<WireError>(() => guesses.Login($"t_{i}", "a guess"))).Message, StringComparison.Ordinal);
        }
        using (var again = await Dial(agent.Port, from))
        {
            Assert.Equal("53300 too many logins from your address have failed: try again shortly", await again.Refusal());
        }
        var (user, password) = agent.Ticket();
        using (var other = await Dial(agent.Port, elsewhere))
        {
            await other.Login(user, password, ("database", agent.Database));
        }
        clock.Advance(TimeSpan.FromSeconds(1));
        (user, password) = agent.Ticket();
        using var later = await Dial(agent.Port, from);
        await later.Login(user, password, ("database", agent.Database));
    }

    [Fact]
    public async Task One_address_may_come_only_so_fast()
    {
        var from = IPAddress.Parse("127.0.0.61");
        for (var i = 0; i < 2 * Bounds.ConnectionsPerSecond; i++)
        {
            using var stranger = await Dial(agent.Port, from);
            await stranger.Send(Startup(("user", "t_1")));
            Assert.Equal('R', (await stranger.Read())!.Value.Type);
            stranger.Socket.Shutdown(SocketShutdown.Send);
            Assert.Null(await stranger.Read());
        }
        await IsRefused(from, "connections from your address come too fast");
        clock.Advance(TimeSpan.FromSeconds(1));
        using var later = await Dial(agent.Port, from);
        await later.Send(Startup(("user", "t_1")));
        Assert.Equal('R', (await later.Read())!.Value.Type);
        FaultReport.Saw($"{2 * Bounds.ConnectionsPerSecond} connections of one address at once were listened to, the next one was refused, and one a second later was not");
    }

    /// <returns>How much is there to be read: 0 at the end, null while nothing comes.</returns>
    private static async Task<int?> Peeked(Socket socket)
    {
        using var over = new CancellationTokenSource(TimeSpan.FromMilliseconds(200));
        try
        {
            return await socket.ReceiveAsync(new byte[1], SocketFlags.Peek, over.Token);
        }
        catch (OperationCanceledException)
        {
            return null;
        }
    }
}

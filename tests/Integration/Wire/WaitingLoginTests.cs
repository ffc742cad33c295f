using AccessPlane.Agent.Protocols.PostgreSql;
using AccessPlane.Contracts.Messages;
using AccessPlane.Tests.Integration.Http;
using AccessPlane.Tests.Unit.Domain;
using Xunit;
using static AccessPlane.Tests.Integration.Wire.RawClient;
using static AccessPlane.Tests.Integration.Wire.WireAgent;

namespace AccessPlane.Tests.Integration.Wire;

/// <summary>A client with a good token and no grant waits at the door, on its open connection, for what people decide.</summary>
public sealed class WaitingLoginTests : IAsyncLifetime
{
    private const string Link = "https://accessplane.example/v1/requests/1";
    private readonly Guid request = Guid.CreateVersion7();
    private readonly Door at = new();

    private static DateTimeOffset Now => TimeProvider.System.GetUtcNow();
    private ManualClock Clock => at.Clock;
    private WireAgent Agent => at.Agent;
    private TokenDoor Tokens => Agent.Tokens!;

    public ValueTask InitializeAsync() => at.InitializeAsync();

    public ValueTask DisposeAsync() => at.DisposeAsync();

    /// <summary>One for each test: what a client asked again is nothing that the next one asked.</summary>
    private sealed class Door : IAsyncLifetime
    {
        internal ManualClock Clock { get; } = new(Now);
        internal TestIssuer Issuer { get; private set; } = null!;
        internal WireAgent Agent { get; private set; } = null!;

        public async ValueTask InitializeAsync()
        {
            Issuer = await TestIssuer.Start();
            Agent = await Start(new WireOptions(Tls: true, Issuer: Issuer, Time: Clock));
            Agent.Apply(new GrantEnd(Agent.Grant.Grant, "revoked", "nobody has a grant"));
        }

        public async ValueTask DisposeAsync()
        {
            await Agent.DisposeAsync();
            await Issuer.DisposeAsync();
        }
    }

    /// <summary>The request is approved, and its grant begins.</summary>
    private void Approve() => Agent.Apply(Agent.Grant with { Grant = request, Request = request });

    /// <summary>A client whose token was taken, and which has not heard of anything yet.</summary>
    private async Task<(RawClient Client, LoginAsk Ask)> Asking()
    {
        var client = await Dial(Agent.Port);
        await client.AskForTls();
        await client.Send(Startup(("user", "orders-test"), ("database", Agent.Database)));
        Assert.Equal('R', (await client.Read())!.Value.Type);
        var token = at.Issuer.Token("engineer", Now);
        await client.Send(PgFrame.OfTexts('p', token));
        var (ask, seen) = Tokens.NextAsked();
        Assert.Equal(("orders", "orders-test", token), (ask.Resource, ask.Name, seen));
        return (client, ask);
    }

    /// <summary>A client that has been told what it waits for.</summary>
    private async Task<RawClient> Waiting()
    {
        var (client, ask) = await Asking();
        Tokens.Pending.Answered(new LoginAnswer(ask.Ask, "pending", null, request, $"request {request:D} waits for approval", Link));
        var (type, ok) = (await client.Read())!.Value;
        Assert.Equal(('R', 0), (type, ok[3]));
        await IsTold(client);
        return client;
    }

    private async Task IsTold(RawClient client)
    {
        var (type, notice) = (await client.Read())!.Value;
        Assert.Equal(('N', "NOTICE"), (type, Field(notice, 'V')));
        Assert.Equal($"request {request:D} waits for approval: {Link}", Field(notice, 'M'));
    }

    /// <summary>Time passes until the client is answered.</summary>
    private async Task<string> InTime(RawClient client, TimeSpan step)
    {
        var answer = client.Refusal();
        await Until(() =>
        {
            Clock.Advance(step);
            return Task.FromResult(answer.IsCompleted);
        });
        return await answer;
    }

    private Task NobodyWaits() => Until(() => Task.FromResult(Tokens.Pending.Count == 0));

    [Fact]
    public async Task A_waiting_client_is_told_its_request_and_where_to_approve_it_and_let_in_once_that_is_done()
    {
        using var client = await Waiting();
        Approve();
        var greeting = Story(await client.UntilReady());
        Assert.StartsWith("S ", greeting, StringComparison.Ordinal); // AuthenticationOk came before the notice, and comes once
        Assert.EndsWith("K ZI", greeting, StringComparison.Ordinal);
        await client.StillWorks();
        await NobodyWaits();
    }

    [Fact]
    public async Task A_client_that_waits_long_is_told_again_and_is_no_stranger()
    {
        var again = TimeSpan.FromSeconds(30);
        using var client = await Waiting();
        for (var time = 0; time < 3; time++)
        {
            // what it was told, it may read before the next time is set
            await Until(() => Task.FromResult(Clock.RingsIn(again)));
            Clock.Advance(again);
            await IsTold(client);
        }
    }

    [Fact]
    public async Task A_waiting_client_hears_who_denied_its_request()
    {
        using var client = await Waiting();
        Tokens.Pending.Closed(new RequestClosure(request, "Denied", "the request was denied by `dba`: not today"));
        Assert.Equal("28000 the request was denied by `dba`: not today", await client.Refusal());
        await NobodyWaits();
    }

    [Fact]
    public async Task A_client_whose_request_nobody_decides_hears_that_it_still_waits()
    {
        using var client = await Waiting();
        var notices = 0;
        (char Type, byte[] Body)? last = null;
        var reading = Task.Run(async () =>
        {
            while (await client.Read() is { } message)
            {
                notices += message.Type == 'N' ? 1 : 0;
                last = message;
            }
        });
        await Until(() =>
        {
            Clock.Advance(TimeSpan.FromSeconds(10));
            return Task.FromResult(reading.IsCompleted);
        });
        await reading;
        Assert.Equal('E', last!.Value.Type);
        Assert.Equal($"request {request:D} is still waiting: connect again when it is approved", Field(last.Value.Body, 'M'));
        Assert.NotEqual(0, notices);
        await NobodyWaits();
    }

    [Fact]
    public async Task A_client_hears_that_the_control_plane_did_not_answer()
    {
        var (client, _) = await Asking();
        using (client)
        {
            Assert.Equal("28000 the control plane did not answer in time: try again", await InTime(client, TimeSpan.FromSeconds(1)));
        }
        await NobodyWaits();
    }

    [Fact]
    public async Task A_client_hears_that_the_control_plane_refused()
    {
        var (client, ask) = await Asking();
        using (client)
        {
            Tokens.Pending.Answered(new LoginAnswer(ask.Ask, "refused", null, null, "`engineer` may not ask for anything on `orders`", null));
            Assert.Equal("28000 `engineer` may not ask for anything on `orders`", await client.Refusal());
        }
    }

    public enum Leaving { Closes, ClosesItsHalf, Resets, SaysSomething }

    [Theory]
    [InlineData(Leaving.Closes, false)]
    [InlineData(Leaving.Closes, true)]
    [InlineData(Leaving.ClosesItsHalf, false)]
    [InlineData(Leaving.Resets, false)]
    [InlineData(Leaving.SaysSomething, true)]
    public async Task When_a_waiting_client_leaves_nothing_is_left_waiting(Leaving leaving, bool beforeItIsTold)
    {
        using var client = beforeItIsTold ? (await Asking()).Client : await Waiting();
        Assert.NotEqual(0, Tokens.Pending.Count);
        switch (leaving)
        {
            case Leaving.Closes:
                client.Dispose();
                break;
            case Leaving.ClosesItsHalf:
                client.Socket.Shutdown(System.Net.Sockets.SocketShutdown.Send);
                break;
            case Leaving.Resets:
                client.Socket.Close(0);
                break;
            case Leaving.SaysSomething:
                await client.Send(Terminate);
                break;
        }
        await NobodyWaits();
        Approve();
        await Until(() => Task.FromResult(Agent.Live.Count == 0));
        FaultReport.Saw($"the client left ({leaving}): {Tokens.Pending.Count} logins wait, and the approval that came afterwards opened {Agent.Live.Count} sessions");
    }
}

using AccessPlane.Agent.Gate;
using AccessPlane.Tests.Unit.Domain;
using Xunit;
using static AccessPlane.Tests.Integration.Wire.RawClient;
using static AccessPlane.Tests.Integration.Wire.WireAgent;

namespace AccessPlane.Tests.Integration.Wire;

/// <summary>
/// One order ends many sessions: all clients are told before the first backend is stopped, because backends that exit in a crowd take every processor. The door's
/// clock stands still, so that nothing here happens because time has passed.
/// </summary>
public sealed class ToldFirstTests : IAsyncLifetime
{
    private const int Busy = 3;
    private static readonly TimeSpan BeforeTheBackends = TimeSpan.FromMilliseconds(101);
    private readonly ManualClock clock = new(TimeProvider.System.GetUtcNow());
    private readonly FakeServer server = new();
    private WireAgent agent = null!;

    public async ValueTask InitializeAsync() => agent = await Start(new WireOptions(UpstreamHost: "127.0.0.1", UpstreamPort: server.Port, Time: clock));

    public async ValueTask DisposeAsync()
    {
        var ending = agent.DisposeAsync().AsTask();
        await Until(() =>
        {
            clock.Advance(TimeSpan.FromSeconds(1)); // this database never answers: who waits for it goes on when the time has passed
            return Task.FromResult(ending.IsCompleted);
        });
        await ending;
        await server.DisposeAsync();
    }

    [Fact]
    public async Task The_backends_are_stopped_once_the_last_client_has_been_told()
    {
        using var last = await AllAreToldButOne();
        _ = last.Told();
        await Until(() => Task.FromResult(server.Cancels == Busy));
        FaultReport.Saw($"one order ended {Busy + 1} sessions: {Busy} clients were told and 0 backends stopped while one was not told yet, and {Busy} were stopped when it was");
    }

    [Fact]
    public async Task A_client_that_cannot_be_told_keeps_the_backends_of_others_for_a_moment_only()
    {
        using var last = await AllAreToldButOne();
        await Until(() =>
        {
            clock.Advance(BeforeTheBackends);
            return Task.FromResult(server.Cancels == Busy);
        });
    }

    /// <returns>Whom the same order ends, and who has not been told.</returns>
    private async Task<Permit> AllAreToldButOne()
    {
        var clients = new List<RawClient>();
        for (var i = 1; i <= Busy; i++)
        {
            clients.Add(await agent.Connect());
            await clients[^1].Send(Query("select pg_sleep(60)"));
            await Until(() => Task.FromResult(server.Asked.Count == i));
        }
        var last = agent.Permit();
        agent.Revoke();
        foreach (var client in clients)
        {
            Assert.Equal("57P01 the grant was revoked by `dba`", await client.Refusal());
            client.Dispose();
        }
        await EverythingBeforeHasArrived();
        Assert.Equal(0, server.Cancels);
        return last;
    }

    /// <summary>The server takes one connection after the other: one that was made before this one would have been seen by now.</summary>
    private async Task EverythingBeforeHasArrived()
    {
        var other = Guid.CreateVersion7();
        agent.Apply(agent.Grant with { Grant = other });
        var (user, password) = agent.Ticket(grant: other);
        using var client = await Dial(agent.Port);
        await client.Login(user, password, ("database", agent.Database));
        Assert.Equal("I ZI", Story(await client.Ask(Query(""))));
    }
}

using AccessPlane.Tests.Unit.Domain;
using Npgsql;
using Xunit;
using static AccessPlane.Tests.Integration.Wire.RawClient;
using static AccessPlane.Tests.Integration.Wire.WireAgent;

namespace AccessPlane.Tests.Integration.Wire;

/// <summary>
/// In what order a session is ended whose statement does not stop: its client is told, the statement is cancelled, the connection is reset, and the backend is
/// terminated over another one. The door's clock moves only where a test lets it.
/// </summary>
public sealed class StoppedInOrderTests : IAsyncLifetime
{
    private static readonly TimeSpan ForTheAnswer = TimeSpan.FromMilliseconds(200);
    private static readonly TimeSpan Step = TimeSpan.FromMilliseconds(10);
    private readonly ManualClock clock = new(TimeProvider.System.GetUtcNow());
    private readonly EndWatch server = new(new NpgsqlConnectionStringBuilder(Servers.Need("ACCESSPLANE_TEST_ORDERS")).Port);
    private WireAgent agent = null!;

    public async ValueTask InitializeAsync() => agent = await Start(new WireOptions(UpstreamHost: "127.0.0.1", UpstreamPort: server.Port, Time: clock));

    public async ValueTask DisposeAsync()
    {
        var ending = agent.DisposeAsync().AsTask();
        await Until(() =>
        {
            clock.Advance(TimeSpan.FromSeconds(1)); // whatever a test that failed has left to wait for
            return Task.FromResult(ending.IsCompleted);
        });
        await ending;
        await server.DisposeAsync();
    }

    [Fact]
    public async Task The_client_is_told_then_the_statement_is_cancelled_then_its_connection_is_reset_and_then_its_backend_is_terminated()
    {
        using var client = await agent.Connect();
        await client.Send(Query("select pg_sleep(300)"));
        await Until(() => agent.Backends("query like '%pg_sleep%' and state = 'active'", 1));
        using var another = agent.Permit(); // the same order ends it, and it has not been told: nobody's backend is stopped before
        agent.Revoke();
        Assert.Equal("E57P01", Story((await client.UntilReady()).Where(m => m.Type != 'T')));
        Assert.Empty(server.Noted);
        _ = another.Told();
        await Until(() => Task.FromResult(server.Noted.Contains("cancel")));
        var passed = await UntilTerminated();
        Assert.Equal("cancel reset terminate", string.Join(' ', server.Noted));
        Assert.True(passed >= ForTheAnswer, $"the answer to the cancel was waited for {passed}");
        await IsGone();
    }

    /// <summary>The server has taken the cancel, and the statement goes on all the same.</summary>
    [Fact]
    public async Task A_statement_that_catches_its_cancellation_ends_with_its_backend()
    {
        await agent.Directly("create sequence caught", $"grant all on sequence caught to {agent.Database}");
        server.PassesCancels = true;
        using var client = await agent.Connect();
        await client.Send(Query(
            "do $$ begin loop begin perform pg_sleep(300); exception when query_canceled then perform nextval('caught'); end; end loop; end $$"));
        await Until(() => agent.Backends("state = 'active' and wait_event = 'PgSleep'", 1));
        agent.Revoke();
        Assert.Equal("E57P01", Story(await client.UntilReady()));
        await Until(async () => await agent.Ask("select is_called from caught") is true);
        Assert.True(await agent.Backends("state = 'active'", 1), "it did not go on");
        await UntilTerminated();
        Assert.Equal("cancel reset terminate", string.Join(' ', server.Noted));
        await IsGone();
    }

    /// <summary>Time passes until the connection is reset: what comes behind that is given all the time that it needs.</summary>
    /// <returns>How much had to pass.</returns>
    private async Task<TimeSpan> UntilTerminated()
    {
        var passed = TimeSpan.Zero;
        await Until(() =>
        {
            if (!server.Noted.Contains("reset"))
            {
                clock.Advance(Step);
                passed += Step;
            }
            return Task.FromResult(server.Noted.Contains("terminate"));
        });
        return passed;
    }

    private async Task IsGone()
    {
        await Until(() => agent.Backends("true", 0));
        await Until(() => Task.FromResult(agent.Entries().Any(e => e.Kind == "end")));
        var entries = agent.Entries();
        Assert.Equal("unknown", Assert.Single(entries, e => e.Kind == "result").Outcome);
        var end = Assert.Single(entries, e => e.Kind == "end");
        Assert.Equal(("revoked", "the backend was terminated"), (end.Cause!, end.Note!));
    }
}

using System.Diagnostics;
using AccessPlane.Agent.Protocols.PostgreSql;
using Xunit;
using static AccessPlane.Tests.Integration.Wire.RawClient;
using static AccessPlane.Tests.Integration.Wire.WireAgent;

namespace AccessPlane.Tests.Integration.Wire;

/// <summary>Everybody comes at once to a database that lets nobody in for a while: what ends sessions does not stand in their queue.</summary>
public sealed class HerdTests
{
    private const int Each = 2 * PgUpstream.DialsAtOnce;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_revocation_stands_in_no_queue_when_every_turn_to_dial_is_taken()
    {
        var at = 0;
        var (isBusy, go) = (false, new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously));
        await using var server = new FakeServer
        {
            Login = async to =>
            {
                if (isBusy)
                {
                    Interlocked.Increment(ref at);
                    await go.Task;
                }
                await to.WriteAsync(FakeServer.Welcome);
            },
        };
        await using var agent = await Start(new WireOptions(UpstreamHost: "127.0.0.1", UpstreamPort: server.Port));
        var other = Guid.CreateVersion7();
        agent.Apply(agent.Grant with { Grant = other });
        using var resident = await agent.Connect();
        await resident.Send(Query("select pg_sleep(60)"));
        await Until(() => Task.FromResult(server.Asked.Contains('Q')));
        isBusy = true;
        var leaves = Enumerable.Range(0, Each).Select(_ => Comes(agent, agent.Grant.Grant)).ToList();
        var stays = Enumerable.Range(0, Each).Select(_ => Comes(agent, other)).ToList();
        // admitted, and either dialled for or waiting for a turn
        await Until(() => Task.FromResult(Volatile.Read(ref at) == PgUpstream.DialsAtOnce && agent.Live.Count == 1 + (2 * Each)));
        var took = Stopwatch.StartNew();
        agent.Revoke();
        Assert.Equal("E57P01", Story(await resident.UntilReady()));
        foreach (var client in leaves)
        {
            Assert.Equal("57P01 the grant was revoked by `dba`", await client);
        }
        took.Stop();
        await Until(() => Task.FromResult(server.Cancels == 1 && agent.Live.Count == Each));
        Assert.DoesNotContain(stays, client => client.IsCompleted);
        go.SetResult();
        foreach (var client in await Task.WhenAll(stays).WaitAsync(TimeSpan.FromSeconds(60), Cancel))
        {
            Assert.Equal("inside", client);
        }
        FaultReport.Saw($"{2 * Each} came at once to a database that let nobody in: a running statement was cancelled and {Each} of those who waited were told within {took.ElapsedMilliseconds} ms of the revocation, with nobody let in; the other {Each} got in when it did");
    }

    /// <returns>Why it is not let in, or `inside`.</returns>
    private static async Task<string> Comes(WireAgent agent, Guid grant)
    {
        var (user, password) = agent.Ticket(grant: grant);
        using var client = await Dial(agent.Port);
        await client.Send(Startup(("user", user), ("database", agent.Database)));
        await client.Prove(password);
        var answer = await client.UntilReady();
        return answer[^1] is ('E', var error) ? $"{Field(error, 'C')} {Field(error, 'M')}" : "inside";
    }
}

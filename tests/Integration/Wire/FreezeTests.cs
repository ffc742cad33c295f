using System.Net.Sockets;
using System.Text;
using AccessPlane.Agent.Protocols.PostgreSql;
using Xunit;
using static AccessPlane.Tests.Integration.Wire.RawClient;
using static AccessPlane.Tests.Integration.Wire.WireAgent;

namespace AccessPlane.Tests.Integration.Wire;

/// <summary>An agent that has lost sight of its control plane: nothing passes either way, and nothing is lost when it sees it again.</summary>
public sealed class FreezeTests : IAsyncLifetime
{
    private static readonly TimeSpan Long = TimeSpan.FromMilliseconds(400);
    private WireAgent agent = null!;

    public async ValueTask InitializeAsync()
    {
        agent = await WireAgent.Start(new WireOptions(FreezeAfter: TimeSpan.FromSeconds(1)));
        await agent.Directly("create table f (a int)", $"grant all on f to {agent.Database}");
    }

    public ValueTask DisposeAsync() => agent.DisposeAsync();

    private async Task Freeze()
    {
        agent.LoseTouch();
        await Until(() => Task.FromResult(agent.IsFrozen));
    }

    private static async Task<bool> IsSilent(Socket socket)
    {
        using var over = new CancellationTokenSource(Long);
        try
        {
            await socket.ReceiveAsync(new byte[1], SocketFlags.Peek, over.Token);
            return false;
        }
        catch (OperationCanceledException)
        {
            return true;
        }
    }

    [Fact]
    public async Task A_statement_waits_for_the_thaw_and_then_runs_once()
    {
        using var client = await agent.Connect();
        Assert.Equal("C[INSERT 0 1] ZI", Story(await client.Ask(Query("insert into f values (1)"))));
        await Freeze();
        await client.Send(Query("insert into f values (2)"));
        Assert.True(await IsSilent(client.Socket));
        Assert.Equal(1L, await agent.Ask("select count(*) from f"));
        agent.FindTouch();
        Assert.Equal("C[INSERT 0 1] ZI", Story(await client.UntilReady()));
        Assert.Equal(2L, await agent.Ask("select count(*) from f"));
        await client.StillWorks();
    }

    [Fact]
    public async Task An_answer_stands_still_in_the_middle_and_goes_on_without_a_row_missing()
    {
        const int rows = 40_000;
        using var client = await agent.Connect();
        await client.Send(Query($"select i, repeat('x', 1000) from generate_series(1, {rows}) i"));
        for (var i = 0; i < 10; i++)
        {
            await client.Read();
        }
        await Freeze();
        var all = new MemoryStream();
        var buffer = new byte[256 * 1024];
        while (!await IsSilent(client.Socket)) // what was in the buffers on the way
        {
            all.Write(buffer, 0, await client.Socket.ReceiveAsync(buffer));
        }
        Assert.InRange(all.Length, 0, rows * 1000L);
        agent.FindTouch();
        while (!Encoding.ASCII.GetString(all.GetBuffer(), (int)Math.Max(0, all.Length - 6), (int)Math.Min(6, all.Length)).StartsWith('Z'))
        {
            all.Write(buffer, 0, await client.Socket.ReceiveAsync(buffer));
        }
        var expected = 10; // the description came first
        for (var rest = all.ToArray().AsSpan(); rest[0] == 'D'; rest = rest[(PgFrame.LengthAt(rest) + 1)..])
        {
            Assert.Equal($"{expected++}", Columns(rest[PgFrame.Header..(PgFrame.LengthAt(rest) + 1)].ToArray()).First());
        }
        Assert.Equal(rows + 1, expected);
    }

    [Fact]
    public async Task A_copy_stands_still_in_the_middle_and_goes_on_without_a_line_missing()
    {
        using var client = await agent.Connect();
        await client.Send(Query("copy f from stdin"));
        Assert.Equal('G', (await client.Read())!.Value.Type);
        await client.Send([.. Enumerable.Range(0, 100).Select(i => PgFrame.Of('d', Encoding.ASCII.GetBytes($"{i}\n")))]);
        await Freeze();
        await client.Send([.. Enumerable.Range(100, 100).Select(i => PgFrame.Of('d', Encoding.ASCII.GetBytes($"{i}\n"))), PgFrame.Of('c', [])]);
        Assert.True(await IsSilent(client.Socket));
        agent.FindTouch();
        Assert.Equal("C[COPY 200] ZI", Story(await client.UntilReady()));
        Assert.Equal(19900L, await agent.Ask("select sum(a) from f"));
    }

    [Fact]
    public async Task What_waited_for_a_thaw_does_not_run_after_a_revocation()
    {
        using var client = await agent.Connect();
        await Freeze();
        await client.Send(Query("insert into f values (3)"));
        Assert.True(await IsSilent(client.Socket));
        agent.Revoke();
        agent.FindTouch();
        Assert.Equal("E57P01", Story(await client.UntilReady()));
        await Until(() => agent.Backends("true", 0));
        Assert.Equal(0L, await agent.Ask("select count(*) from f"));
        FaultReport.Saw($"1 statement waited for the thaw when its session was revoked: cut with 57P01, 0 executed");
    }

    [Fact]
    public async Task One_that_stands_still_when_its_agent_is_stopped_ends_at_once_and_what_waited_never_runs()
    {
        using var client = await agent.Connect();
        await Freeze();
        await client.Send(Query("insert into f values (4)"));
        Assert.True(await IsSilent(client.Socket));
        await agent.Listener.StopAsync(TestContext.Current.CancellationToken);
        Assert.Single(agent.Transcript(), l => l.Contains("\"kind\":\"end\"", StringComparison.Ordinal));
        Assert.Equal("E57P01", Story(await client.UntilReady()));
        Assert.Equal(0L, await agent.Ask("select count(*) from f"));
    }

    [Fact]
    public async Task Nobody_is_let_in_meanwhile()
    {
        var (user, password) = agent.Ticket();
        await Freeze();
        using var client = await Dial(agent.Port);
        await client.Send(Startup(("user", user), ("database", agent.Database)));
        var refused = await Assert.ThrowsAsync<WireError>(() => client.Prove(password));
        Assert.Contains("cannot reach its control plane", refused.Message, StringComparison.Ordinal);
    }
}

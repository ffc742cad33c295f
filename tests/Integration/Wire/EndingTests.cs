using System.Diagnostics;
using AccessPlane.Agent;
using AccessPlane.Agent.Protocols.PostgreSql;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;
using static AccessPlane.Tests.Integration.Wire.RawClient;
using static AccessPlane.Tests.Integration.Wire.WireAgent;

namespace AccessPlane.Tests.Integration.Wire;

public sealed class EndingTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_revocation_cuts_a_running_statement_and_the_backend_is_gone()
    {
        await using var agent = await WireAgent.Start();
        using var client = await agent.Connect();
        await client.Send(Query("select pg_sleep(60)"));
        await Until(() => agent.Backends("query like '%pg_sleep%' and state = 'active'", 1));
        var took = Stopwatch.StartNew();
        agent.Revoke();
        var answer = await client.UntilReady();
        Assert.Equal("E57P01", Story(answer.Where(m => m.Type != 'T')));
        Assert.Equal("the grant was revoked by `dba`", Field(answer[^1].Body, 'M'));
        await Until(() => agent.Backends("query like '%pg_sleep%'", 0));
        Assert.True(took.Elapsed < TimeSpan.FromSeconds(2), $"{took.Elapsed}");
        await Until(() => Task.FromResult(agent.Live.Count == 0));
        var transcript = agent.Transcript();
        Assert.Contains(transcript, l => l.Contains("\"outcome\":\"unknown\"", StringComparison.Ordinal));
        Assert.Contains(transcript, l => l.Contains("\"cause\":\"revoked\"", StringComparison.Ordinal) && l.Contains("cutMicros", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_stranger_who_got_the_pid_of_a_session_that_is_gone_is_left_alone()
    {
        await using var agent = await WireAgent.Start();
        using var upstream = new PgUpstream(
            new UpstreamConfig(agent.Direct.Host, agent.Direct.Port, agent.Direct.User, agent.PasswordFile, UpstreamTls.Disable, null), TimeProvider.System);
        using var control = new PgControl(upstream, TimeProvider.System, NullLogger.Instance);
        using var permit = agent.Permit();
        var session = await upstream.Dial(permit, AccessPlane.Agent.Relay.SocketWiring.Instance, upstream.OwnCredential, "session", new Dictionary<string, string>(), "public", Cancel);
        var stranger = await upstream.Dial(permit, AccessPlane.Agent.Relay.SocketWiring.Instance, upstream.OwnCredential, "stranger", new Dictionary<string, string>(), "public", Cancel);
        using (session.Channel.Wire)
        using (stranger.Channel.Wire)
        {
            Assert.Null(await control.Terminate(session with { Link = session.Link with { Pid = stranger.Pid } }));
            Assert.Equal("whether the backend is gone could not be checked", await control.Terminate(session with { Link = session.Link with { Since = null } }));
            Assert.Equal([["1"]], await new PgQueries(stranger.Link).Rows("select 1", Cancel));
            Assert.Equal("the backend was terminated", await control.Terminate(session));
            await Until(() => agent.Backends("application_name = 'session'", 0));
            await Until(() => agent.Backends("application_name = 'stranger'", 1));
        }
    }

    [Fact]
    public async Task A_revocation_rolls_an_open_transaction_back()
    {
        await using var agent = await WireAgent.Start();
        await agent.Directly("create table r (a int)", $"grant all on r to {agent.Database}");
        using var client = await agent.Connect();
        Assert.Equal("C[BEGIN] ZT", Story(await client.Ask(Query("begin"))));
        Assert.Equal("C[INSERT 0 1] ZT", Story(await client.Ask(Query("insert into r values (1)"))));
        agent.Revoke();
        Assert.Equal("E57P01", Story(await client.UntilReady()));
        await Until(() => agent.Backends("true", 0));
        Assert.Equal(0L, await agent.Ask("select count(*) from r"));
    }

    [Fact]
    public async Task A_revocation_stops_a_pipeline_and_a_copy()
    {
        await using var agent = await WireAgent.Start();
        await agent.Directly("create table c (a int)", $"grant all on c to {agent.Database}");
        using var copying = await agent.Connect();
        await copying.Send(Query("copy c from stdin"));
        Assert.Equal('G', (await copying.Read())!.Value.Type);
        await copying.Send(AccessPlane.Agent.Protocols.PostgreSql.PgFrame.Of('d', "1\n2\n"u8));
        using var pipelining = await agent.Connect();
        byte[] unit = [.. Parse("", "insert into c select 1 from pg_sleep(0.05)"), .. Bind("", ""), .. Execute(), .. Sync];
        await pipelining.Send([.. Enumerable.Repeat(unit, 200)]);
        await Until(async () => await agent.Ask("select count(*) from c") is > 2L);
        var took = Stopwatch.StartNew();
        agent.Revoke();
        Assert.Equal("E57P01", Story(await copying.UntilReady()));
        await Until(() => agent.Backends("true", 0));
        took.Stop();
        Assert.True(took.Elapsed < TimeSpan.FromSeconds(2), $"{took.Elapsed}");
        var after = (long)(await agent.Ask("select count(*) from c"))!;
        Assert.InRange(after, 3, 100);
        await Task.Delay(200);
        Assert.Equal(after, await agent.Ask("select count(*) from c"));
        FaultReport.Saw($"in a COPY and in a pipeline of 200: both gone at the database after {took.ElapsedMilliseconds} ms, {after} of 200 statements had run by then and {after} a moment later, 0 rows of the COPY");
    }

    /// <summary>What nobody holds back, because nothing of it is hidden, is cut all the same.</summary>
    [Theory]
    [InlineData("copy (select repeat('x', 1000), generate_series(1, 1000000000)) to stdout", 'd')]
    [InlineData("select repeat('x', 1000), generate_series(1, 1000000000)", 'D')]
    [InlineData("do $$ begin loop raise notice '%', repeat('x', 1000); end loop; end $$", 'N')]
    public async Task A_revocation_stops_an_answer_without_end(string asked, char what)
    {
        await using var agent = await WireAgent.Start();
        using var client = await agent.Connect();
        await client.Send(Query(asked));
        for (var passed = 0; passed < 1_000;)
        {
            passed += (await client.Read())!.Value.Type == what ? 1 : 0;
        }
        var took = Stopwatch.StartNew();
        agent.Revoke();
        var rest = await client.UntilReady();
        await Until(() => agent.Backends("true", 0));
        took.Stop();
        Assert.DoesNotContain(rest, m => m.Type is 'c' or 'C' or 'Z');
        Assert.True(took.Elapsed < TimeSpan.FromSeconds(5), $"{took.Elapsed}");
        FaultReport.Saw($"in the middle of `{asked[..4].Trim()}`: {rest.Count} messages more, which were on their way, and the end after {took.ElapsedMilliseconds} ms");
    }

    [Fact]
    public async Task The_end_of_a_grants_time_cuts_a_running_statement_and_an_idle_session()
    {
        await using var agent = await WireAgent.Start();
        using var idle = await agent.Connect();
        using var busy = await agent.Connect();
        await busy.Send(Query("select pg_sleep(60)"));
        await Until(() => agent.Backends("query like '%pg_sleep%' and state = 'active'", 1));
        agent.Apply(agent.Grant with { NotAfter = TimeProvider.System.GetUtcNow().AddSeconds(1) });
        var (cutIdle, cutBusy) = (idle.Refusal(), busy.UntilReady());
        await Until(() =>
        {
            agent.Live.CutWhatEnded(TimeProvider.System.GetTimestamp()); // as the agent's timer does
            return Task.FromResult(cutIdle.IsCompleted && cutBusy.IsCompleted);
        });
        Assert.StartsWith("57P01 the grant expired", await cutIdle, StringComparison.Ordinal);
        Assert.Equal("E57P01", Story((await cutBusy).Where(m => m.Type != 'T')));
        await Until(() => agent.Backends("true", 0));
        await Until(() => Task.FromResult(agent.Live.Count == 0));
        Assert.Equal(2, agent.Transcript().Count(l => l.Contains("\"cause\":\"expired\"", StringComparison.Ordinal)));
        await Assert.ThrowsAsync<WireError>(() => agent.Connect());
    }

    [Fact]
    public async Task A_client_that_vanishes_takes_its_statement_along()
    {
        await using var agent = await WireAgent.Start();
        var client = await agent.Connect();
        await client.Send(Query("select repeat('x', 1000), generate_series(1, 100000000)"));
        await client.Read();
        client.Socket.Close(0);
        var took = Stopwatch.StartNew();
        await Until(() => agent.Backends("true", 0));
        await Until(() => Task.FromResult(agent.Live.Count == 0));
        took.Stop();
        Assert.Contains(agent.Transcript(), l => l.Contains("\"cause\":\"closed\"", StringComparison.Ordinal));
        FaultReport.Saw($"{took.ElapsedMilliseconds} ms after the client was gone its statement was over at the database, and its session at the agent");
    }

    [Fact]
    public async Task A_denied_statement_aborts_its_transaction_as_an_error_does()
    {
        await using var agent = await WireAgent.Start(new WireOptions(["select", "show"]));
        await agent.Directly("create table d (a int)", $"grant all on d to {agent.Database}");
        using var client = await agent.Connect();
        Assert.Equal("C[BEGIN] ZT", Story(await client.Ask(Query("begin"))));
        var answer = await client.Ask(Query("update d set a = 1"));
        Assert.Equal("E42501 ZE", Story(answer));
        Assert.Equal("denied by `orders-test`: `update` is outside what `orders-test` allows (select, show)", Field(answer[0].Body, 'M'));
        Assert.StartsWith("operation 2 of session ", Field(answer[0].Body, 'D'), StringComparison.Ordinal);
        Assert.Equal("E25P02 ZE", Story(await client.Ask(Query("select 1"))));
        Assert.Equal("C[ROLLBACK] ZI", Story(await client.Ask(Query("commit"))));
        Assert.Equal("E42501 ZI", Story(await client.Ask(Query("select 1; delete from d"))));
        Assert.Equal("E42501 ZI", Story(await client.Ask(Parse("x", "delete from d"), Bind("", "x"), Execute(), Sync)));
        Assert.Equal("E26000 ZI", Story(await client.Ask(Bind("", "x"), Execute(), Sync)));
        Assert.Equal("E42501 ZI", Story(await client.Ask(Query("set default_transaction_read_only = off"))));
        Assert.Equal("T D[on] C[SHOW] ZI", Story(await client.Ask(Query("show transaction_read_only"))));
        Assert.Equal("E42501 ZI", Story(await client.Ask(AccessPlane.Agent.Protocols.PostgreSql.PgFrame.Of('F', new byte[10]))));
        Assert.Equal("T D[1] C[SELECT 1] ZI", Story(await client.Ask(Query("select 1"))));
    }

    [Fact]
    public async Task A_ticket_opens_one_connection_and_whoever_proves_nothing_gets_one_answer()
    {
        await using var agent = await WireAgent.Start();
        var (user, password) = agent.Ticket();
        using var first = await Dial(agent.Port);
        await first.Login(user, password, ("database", agent.Database));
        var errors = new List<string>();
        foreach (var (name, secret) in new[] { (user, password), (user, "wrong"), ("t_nobody", "x"), (agent.Ticket().User, "wrong") })
        {
            using var other = await Dial(agent.Port);
            errors.Add((await Assert.ThrowsAsync<WireError>(() => other.Login(name, secret, ("database", agent.Database)))).Message);
        }
        Assert.Single(errors.Distinct());
    }

    [Fact]
    public async Task A_token_is_never_asked_for_in_clear()
    {
        await using var agent = await WireAgent.Start();
        using var client = await Dial(agent.Port);
        await client.Send(Startup(("user", "orders-read")));
        Assert.Equal("E28000", Story(await client.UntilReady()));
    }

    [Fact]
    public async Task A_revocation_ends_a_session_that_holds_all_the_statements_and_portals_that_it_may()
    {
        var (statements, portals) = (PgNames.MostStatements - 1, PgNames.MostPortals - 1);
        await using var agent = await WireAgent.Start();
        using var client = await agent.Connect();
        await client.Send(Query("begin"));
        await client.UntilReady();
        await client.Send([.. Enumerable.Range(0, statements).Select(i => (byte[])[.. Parse($"s{i}", "select generate_series(1, 1000)"), .. i < portals ? Bind($"p{i}", $"s{i}") : []]), Sync]);
        Assert.Equal(statements + portals, (await client.UntilReady()).Count(m => m.Type is '1' or '2'));
        var took = Stopwatch.StartNew();
        agent.Revoke();
        Assert.Equal("E57P01", Story(await client.UntilReady()));
        await Until(() => agent.Backends("true", 0));
        took.Stop();
        Assert.True(took.Elapsed < TimeSpan.FromSeconds(5), $"{took.Elapsed}");
        FaultReport.Saw($"with {statements} statements and {portals} portals open: cut with 57P01, gone at the database after {took.ElapsedMilliseconds} ms");
    }

    [Fact]
    public async Task A_revocation_while_the_database_is_dialled_ends_the_login_and_does_not_wait_for_it()
    {
        var reached = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var server = new FakeServer
        {
            Login = _ =>
            {
                reached.TrySetResult();
                return Task.CompletedTask;
            },
        };
        await using var agent = await WireAgent.Start(new WireOptions(UpstreamHost: "127.0.0.1", UpstreamPort: server.Port));
        var (user, password) = agent.Ticket();
        using var client = await Dial(agent.Port);
        await client.Send(Startup(("user", user), ("database", agent.Database)));
        await client.Prove(password);
        await reached.Task.WaitAsync(TimeSpan.FromSeconds(90), Cancel);
        var took = Stopwatch.StartNew();
        agent.Revoke();
        Assert.Contains("the grant was revoked by `dba`", await client.Refusal(), StringComparison.Ordinal);
        took.Stop();
        Assert.True(took.Elapsed < TimeSpan.FromSeconds(5), $"{took.Elapsed}"); // the database would be waited for twice as long
        Assert.Equal(0, agent.Live.Count);
        FaultReport.Saw($"revoked while the database did not answer the login: told so after {took.ElapsedMilliseconds} ms, 0 sessions");
    }

    [Fact]
    public async Task An_agent_that_is_stopped_tells_its_sessions_ends_what_runs_and_closes_every_record()
    {
        await using var agent = await WireAgent.Start();
        using var idle = await agent.Connect();
        using var busy = await agent.Connect();
        await busy.Send(Query("select pg_sleep(60)"));
        await Until(() => agent.Backends("query like '%pg_sleep%' and state = 'active'", 1));
        var took = Stopwatch.StartNew();
        var stopping = agent.Listener.StopAsync(Cancel);
        foreach (var client in (RawClient[])[idle, busy])
        {
            var answer = await client.UntilReady();
            Assert.Equal("E57P01", Story(answer.Where(m => m.Type != 'T')));
            Assert.Equal("the agent was stopped", Field(answer[^1].Body, 'M'));
        }
        await stopping;
        took.Stop();
        await Until(() => agent.Backends("true", 0));
        await Until(() => Task.FromResult(agent.Live.Count == 0));
        var ends = agent.Transcript().Count(l => l.Contains("\"kind\":\"end\"", StringComparison.Ordinal));
        Assert.Equal(2, ends);
        FaultReport.Saw($"2 sessions, 1 of them busy: both told 57P01, stopped after {took.ElapsedMilliseconds} ms, 0 backends left, {ends} records with their end");
    }
}

using System.Buffers.Binary;
using System.Security.Cryptography;
using AccessPlane.Agent;
using AccessPlane.Agent.Protocols.PostgreSql;
using Xunit;
using static AccessPlane.Tests.Integration.Wire.RawClient;
using static AccessPlane.Tests.Integration.Wire.WireAgent;

namespace AccessPlane.Tests.Integration.Wire;

/// <summary>How the agent proves itself to a real server, in every way that a server may ask for, and whom it tells its password to.</summary>
public sealed class UpstreamTests
{
    private const string Unreachable = "08006 the database behind this agent cannot be reached at the moment";

    private static WireOptions Verified => new(Upstream: UpstreamTls.VerifyFull, RootCertificate: Servers.Need("ACCESSPLANE_TEST_CA"));

    private static async Task<string> RefusedLogin(WireAgent agent)
    {
        var (user, password) = agent.Ticket();
        using var client = await Dial(agent.Port);
        await client.Send(Startup(("user", user), ("database", agent.Database)));
        await client.Prove(password);
        return await client.Refusal();
    }

    [Fact]
    public async Task Under_tls_the_server_is_verified_and_nothing_is_lost_in_either_direction()
    {
        await using var agent = await Start(Verified);
        using var client = await agent.Connect();
        Assert.Equal("T D[t] C[SELECT 1] ZI", Story(await client.Ask(Query("select ssl from pg_stat_ssl where pid = pg_backend_pid()"))));
        var rows = await client.Ask(Query("select i, repeat('x', 500) from generate_series(1, 20000) i"));
        Assert.Equal(Enumerable.Range(1, 20000).Select(i => $"{i}"), rows.Where(m => m.Type == 'D').Select(m => Columns(m.Body).First()));
        await client.Send(Query("select pg_sleep(30)"));
        await Until(() => agent.Backends("query like '%pg_sleep%' and state = 'active'", 1));
        agent.Revoke();
        Assert.EndsWith("E57P01", Story(await client.UntilReady()), StringComparison.Ordinal);
        await Until(() => agent.Backends("true", 0));
    }

    [Fact]
    public async Task A_server_with_a_certificate_of_somebody_else_is_told_nothing()
    {
        await using var other = await Start(new WireOptions(Tls: true));
        await using var agent = await Start(new WireOptions(Upstream: UpstreamTls.VerifyFull, RootCertificate: other.CertificateFile));
        Assert.Equal(Unreachable, await RefusedLogin(agent));
        FaultReport.Saw($"1 of 1 logins refused at a certificate of somebody else");
    }

    [Fact]
    public async Task A_server_that_offers_no_tls_is_told_nothing()
    {
        await using var server = new FakeServer { Login = async to => await to.WriteAsync("N"u8.ToArray()) };
        await using var agent = await Start(Verified with { UpstreamHost = "127.0.0.1", UpstreamPort = server.Port });
        Assert.Equal(Unreachable, await RefusedLogin(agent));
        Assert.Empty(server.Asked);
    }

    /// <summary>The server's rules are one file for all of its users: they are changed for one test at a time, and for its own user alone.</summary>
    [Fact]
    public async Task Md5_is_spoken_and_a_password_in_clear_is_for_verified_servers_alone()
    {
        await using (var agent = await Start())
        {
            await agent.Directly("set password_encryption = 'md5'", $"alter role {agent.Database} password '{agent.Direct.Password}'");
            await Under(agent, "md5", async () =>
            {
                using var client = await agent.Connect();
                await client.StillWorks();
            });
            await Under(agent, "password", async () => Assert.Equal(Unreachable, await RefusedLogin(agent)));
        }
        await using var verified = await Start(Verified);
        await Under(verified, "password", async () =>
        {
            using var client = await verified.Connect();
            await client.StillWorks();
        });
    }

    private static async Task Under(WireAgent agent, string method, Func<Task> test)
    {
        var rules = (string)(await agent.Ask("select pg_read_file(current_setting('hba_file'))"))!;
        await Rule(agent, $"host all {agent.Database} 127.0.0.1/32 {method}\n{rules}");
        try
        {
            await Until(async () => await AskedFor(agent) == (method == "md5" ? 5 : 3));
            await test();
        }
        finally
        {
            await Rule(agent, rules);
        }
    }

    private static Task Rule(WireAgent agent, string rules) => agent.Directly(
        $"select lo_from_bytea(4711, convert_to($rules${rules}$rules$, 'UTF8'))", "select lo_export(4711, current_setting('hba_file'))", "select lo_unlink(4711)",
        "select pg_reload_conf()");

    /// <summary>What proof the server asks for by now.</summary>
    private static async Task<int> AskedFor(WireAgent agent)
    {
        using var client = await Dial(agent.Direct.Port);
        await client.Send(Startup(("user", agent.Direct.User), ("database", agent.Database)));
        return BinaryPrimitives.ReadInt32BigEndian((await client.Read())!.Value.Body);
    }

    public static TheoryData<string> Lies =>
    [
        "endless notices", "endless notices before the proof", "endless settings", "a key too short", "a key too long", "a negative length", "an endless length",
        "work without end", "a wrong nonce", "a wrong proof", "ready too early", "nonsense", "nonsense after the proof", "an error without a code", "half a message",
    ];

    [Theory]
    [MemberData(nameof(Lies))]
    public async Task A_server_that_lies_at_the_login_lets_nobody_in_and_the_agent_goes_on(string lie)
    {
        await using var server = new FakeServer { Login = to => Lie(to, lie) };
        await using var agent = await Start(new WireOptions(UpstreamHost: "127.0.0.1", UpstreamPort: server.Port));
        var took = System.Diagnostics.Stopwatch.StartNew();
        Assert.Equal(Unreachable, await RefusedLogin(agent));
        Assert.Equal(Unreachable, await RefusedLogin(agent));
        Assert.Equal(0, agent.Live.Count);
        Assert.True(took.Elapsed < TimeSpan.FromSeconds(10), $"it was listened to for {took.Elapsed}"); // less than one whole patience
        FaultReport.Saw($"{lie}: 2 of 2 logins refused in {took.ElapsedMilliseconds} ms, {agent.Live.Count} sessions");
    }

    [Theory]
    [InlineData("rows without end")]
    [InlineData("a row of a gigabyte")]
    [InlineData("columns that do not come")]
    [InlineData("notices without end")]
    public async Task A_server_that_lies_when_the_agent_asks_it_something_lets_nobody_in_and_is_not_listened_to_for_long(string lie)
    {
        await using var server = new FakeServer { Since = to => Lie(to, lie) };
        await using var agent = await Start(new WireOptions(UpstreamHost: "127.0.0.1", UpstreamPort: server.Port));
        var took = System.Diagnostics.Stopwatch.StartNew();
        Assert.Equal(Unreachable, await RefusedLogin(agent));
        Assert.Equal(0, agent.Live.Count);
        Assert.True(took.Elapsed < TimeSpan.FromSeconds(8), $"it was listened to for {took.Elapsed}");
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_server_that_never_answers_is_waited_for_ten_seconds(bool atTheLogin)
    {
        var reached = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        Task Silent()
        {
            reached.TrySetResult();
            return Task.CompletedTask;
        }
        var clock = new Unit.Domain.ManualClock(TimeProvider.System.GetUtcNow());
        await using var server = atTheLogin ? new FakeServer { Login = _ => Silent() } : new FakeServer { Since = _ => Silent() };
        await using var agent = await Start(new WireOptions(UpstreamHost: "127.0.0.1", UpstreamPort: server.Port, Time: clock));
        var refused = RefusedLogin(agent);
        await reached.Task.WaitAsync(TimeSpan.FromSeconds(90));
        clock.Advance(TimeSpan.FromSeconds(9));
        Assert.False(refused.IsCompleted);
        clock.Advance(TimeSpan.FromSeconds(2));
        Assert.Equal(Unreachable, await refused);
        Assert.Equal(0, agent.Live.Count);
    }

    /// <summary>A server that must start two hundred backends at once has none of them ready in the time that one is waited for.</summary>
    [Fact]
    public async Task A_crowd_that_comes_at_once_is_dialled_for_a_part_at_a_time_and_everybody_gets_in()
    {
        var (at, most) = (0, 0);
        var full = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var go = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var server = new FakeServer
        {
            Login = async to =>
            {
                lock (full)
                {
                    most = Math.Max(most, ++at);
                    if (at == PgUpstream.DialsAtOnce)
                    {
                        full.TrySetResult();
                    }
                }
                await go.Task;
                lock (full)
                {
                    at--;
                }
                await to.WriteAsync(FakeServer.Welcome);
            },
        };
        await using var agent = await Start(new WireOptions(UpstreamHost: "127.0.0.1", UpstreamPort: server.Port));
        var crowd = Enumerable.Range(0, 3 * PgUpstream.DialsAtOnce).Select(_ => agent.Connect()).ToList();
        await full.Task.WaitAsync(TimeSpan.FromSeconds(90), TestContext.Current.CancellationToken);
        go.SetResult();
        foreach (var client in await Task.WhenAll(crowd))
        {
            Assert.Equal("I ZI", Story(await client.Ask(Query(""))));
            client.Dispose();
        }
        Assert.Equal(PgUpstream.DialsAtOnce, most);
    }

    private static async Task Lie(Stream to, string lie)
    {
        switch (lie)
        {
            case "endless notices":
                await to.WriteAsync(FakeServer.Ok);
                var notice = Unit.Wire.Frames.Answer('N', new byte[8000]);
                while (true)
                {
                    await to.WriteAsync(notice);
                }
            case "endless notices before the proof":
                while (true)
                {
                    await to.WriteAsync(Unit.Wire.Frames.Answer('N', new byte[8000]));
                }
            case "endless settings":
                await to.WriteAsync(FakeServer.Ok);
                while (true)
                {
                    await to.WriteAsync(AccessPlane.Agent.Protocols.PostgreSql.PgFrame.OfTexts('S', "session_authorization", new string('x', 8000))); // never shown to anyone
                }
            case "nonsense after the proof":
                await to.WriteAsync((byte[])[.. FakeServer.Ok, .. RandomNumberGenerator.GetBytes(1000)]);
                break;
            case "an error without a code":
                await to.WriteAsync(Unit.Wire.Frames.Answer('E', "SFATAL\0Mgo away\0\0"u8.ToArray()));
                break;
            case "half a message":
                await to.WriteAsync((byte[])[.. FakeServer.Ok, .. Unit.Wire.Frames.Lying('S', 100, 1, 2, 3)]);
                to.Close();
                break;
            case "a key too short":
                await to.WriteAsync((byte[])[.. FakeServer.Ok, .. Unit.Wire.Frames.Answer('K', 0, 0, 0)]);
                break;
            case "a key too long":
                await to.WriteAsync((byte[])[.. FakeServer.Ok, .. Unit.Wire.Frames.Answer('K', new byte[10_000])]);
                break;
            case "a negative length":
                await to.WriteAsync(Unit.Wire.Frames.Lying('R', -1, 0, 0, 0, 0));
                break;
            case "an endless length":
                await to.WriteAsync(Unit.Wire.Frames.Lying('R', int.MaxValue, 0, 0, 0, 0));
                break;
            case "rows without end" or "notices without end":
                var more = Unit.Wire.Frames.Answer(lie.StartsWith('r') ? 'D' : 'N', [0, 1, .. Unit.Wire.Frames.Int32(8000), .. new byte[8000]]);
                while (true)
                {
                    await to.WriteAsync(more);
                }
            case "a row of a gigabyte":
                await to.WriteAsync(Unit.Wire.Frames.Lying('D', 1 << 30, new byte[1000]));
                break;
            case "columns that do not come":
                await to.WriteAsync((byte[])[.. Unit.Wire.Frames.Answer('D', 0xff, 0xff), .. Unit.Wire.Frames.Complete("SELECT 1"), .. Unit.Wire.Frames.Ready('I')]);
                break;
            case "ready too early":
                await to.WriteAsync(Unit.Wire.Frames.Ready('I'));
                break;
            case "nonsense":
                await to.WriteAsync(new byte[100]);
                break;
            default:
                await Challenge(to, lie == "work without end" ? 2_000_000_000 : 4096, lie == "a wrong nonce");
                break;
        }
    }

    private static async Task Challenge(Stream to, int iterations, bool ofItsOwn)
    {
        await to.WriteAsync(Unit.Wire.Frames.Answer('R', [0, 0, 0, 10, .. "SCRAM-SHA-256\0\0"u8]));
        var buffer = new byte[1000];
        var first = System.Text.Encoding.ASCII.GetString(buffer, 0, await to.ReadAsync(buffer));
        var nonce = ofItsOwn ? "something" : first[(first.IndexOf("r=", StringComparison.Ordinal) + 2)..];
        await to.WriteAsync(Unit.Wire.Frames.Answer('R', [0, 0, 0, 11, .. System.Text.Encoding.ASCII.GetBytes($"r={nonce}more,s=AAAA,i={iterations}")]));
        if (await to.ReadAsync(buffer) > 0)
        {
            await to.WriteAsync((byte[])[.. Unit.Wire.Frames.Answer('R', [0, 0, 0, 12, .. "v=AAAA"u8]), .. FakeServer.Welcome]);
        }
    }
}

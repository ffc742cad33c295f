using System.Buffers.Binary;
using AccessPlane.Agent;
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
        ["endless notices", "a key too short", "a key too long", "a negative length", "an endless length", "work without end", "a wrong proof", "ready too early", "nonsense"];

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
            case "ready too early":
                await to.WriteAsync(Unit.Wire.Frames.Ready('I'));
                break;
            case "nonsense":
                await to.WriteAsync(new byte[100]);
                break;
            default:
                await Challenge(to, lie == "work without end" ? 2_000_000_000 : 4096);
                break;
        }
    }

    private static async Task Challenge(Stream to, int iterations)
    {
        await to.WriteAsync(Unit.Wire.Frames.Answer('R', [0, 0, 0, 10, .. "SCRAM-SHA-256\0\0"u8]));
        var buffer = new byte[1000];
        var first = System.Text.Encoding.ASCII.GetString(buffer, 0, await to.ReadAsync(buffer));
        var nonce = first[(first.IndexOf("r=", StringComparison.Ordinal) + 2)..];
        await to.WriteAsync(Unit.Wire.Frames.Answer('R', [0, 0, 0, 11, .. System.Text.Encoding.ASCII.GetBytes($"r={nonce}more,s=AAAA,i={iterations}")]));
        if (await to.ReadAsync(buffer) > 0)
        {
            await to.WriteAsync((byte[])[.. Unit.Wire.Frames.Answer('R', [0, 0, 0, 12, .. "v=AAAA"u8]), .. FakeServer.Welcome]);
        }
    }
}

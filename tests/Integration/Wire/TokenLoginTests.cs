using AccessPlane.Agent.Protocols.PostgreSql;
using AccessPlane.Tests.Integration.Http;
using AccessPlane.Tests.Unit.Domain;
using Xunit;
using static AccessPlane.Tests.Integration.Wire.RawClient;

namespace AccessPlane.Tests.Integration.Wire;

/// <summary>An OIDC token as the password: taken under TLS, and nowhere else.</summary>
public sealed class TokenLoginTests : IAsyncLifetime
{
    private TestIssuer issuer = null!;
    private WireAgent agent = null!;

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

    private static DateTimeOffset Now => TimeProvider.System.GetUtcNow();

    private async Task<RawClient> Asked()
    {
        var client = await Dial(agent.Port);
        await client.AskForTls();
        await client.Send(Startup(("user", "orders-test"), ("database", agent.Database)));
        var (type, body) = (await client.Read())!.Value;
        Assert.Equal(('R', 3), (type, body[3]));
        return client;
    }

    [Fact]
    public async Task A_good_token_opens_a_session_that_says_how_it_was_opened()
    {
        using var client = await Asked();
        await client.Send(PgFrame.OfTexts('p', issuer.Token("engineer", Now)));
        Assert.Equal("ZI", Story((await client.UntilReady())[^1..]));
        await client.StillWorks();
        Assert.Contains(agent.Transcript(), l => l.Contains("\"login\":\"token\"", StringComparison.Ordinal));
        Assert.DoesNotContain(agent.Transcript(), l => l.Contains("eyJ", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Whatever_is_wrong_with_a_token_the_answer_is_one()
    {
        var good = issuer.Token("engineer", Now);
        var answers = new HashSet<string>();
        foreach (var bad in new[] { "", "x", good[..^3], good + "x", issuer.ReviewToken("engineer", Now), issuer.Token("engineer", Now.AddHours(-1)) })
        {
            using var client = await Asked();
            await client.Send(PgFrame.OfTexts('p', bad));
            answers.Add(await client.Refusal());
        }
        Assert.Equal(["28P01 the login was not accepted"], answers);
    }

    [Fact]
    public async Task Where_the_issuers_clients_are_named_the_door_takes_their_tokens_alone()
    {
        agent.InForce.Swap(agent.InForce.Current with { Issuers = [.. agent.InForce.Current.Issuers.Select(i => i with { Clients = ["psql-helper"] })] });
        using (var another = await Asked())
        {
            await another.Send(PgFrame.OfTexts('p', issuer.Token("engineer", Now)));
            Assert.Equal("28P01 the login was not accepted", await another.Refusal());
        }
        var claims = issuer.Claims("engineer", Now);
        claims["azp"] = "psql-helper";
        using var client = await Asked();
        await client.Send(PgFrame.OfTexts('p', issuer.Sign(claims)));
        Assert.Equal("ZI", Story((await client.UntilReady())[^1..]));
    }

    [Fact]
    public async Task A_password_without_end_is_not_read()
    {
        using var client = await Asked();
        await client.Send(PgFrame.Of('p', new byte[17 * 1024]));
        Assert.Equal("08P01 invalid message length", await client.Refusal());
    }

    [Theory]
    [InlineData("orders-test")]
    [InlineData("oauth")]
    public async Task Without_tls_a_token_is_not_even_asked_for(string user)
    {
        using var client = await Dial(agent.Port);
        await client.Send(Startup(("user", user), ("database", agent.Database)));
        Assert.StartsWith("28000 a token is taken under tls only", await client.Refusal(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_token_that_is_sent_unasked_in_clear_is_not_a_login()
    {
        using var client = await Dial(agent.Port);
        await client.Send(Startup(("user", "orders-test"), ("database", agent.Database)), PgFrame.OfTexts('p', issuer.Token("engineer", Now)));
        Assert.StartsWith("E28000", Story(await client.UntilReady()), StringComparison.Ordinal);
        Assert.Equal(0, agent.Live.Count);
    }
}

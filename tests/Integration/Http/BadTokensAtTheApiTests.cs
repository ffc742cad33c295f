using System.Net.Http.Json;
using System.Text.Json;
using AccessPlane.Contracts.Identity;
using AccessPlane.ControlPlane.Http;
using AccessPlane.Tests.Integration.Wire;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace AccessPlane.Tests.Integration.Http;

/// <summary>The corpus of bad tokens at the API.</summary>
public sealed class BadTokensAtTheApiTests : IAsyncLifetime
{
    private TestIssuer issuer = null!;
    private TestIssuer other = null!;
    private BadTokens bad = null!;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;
    private static DateTimeOffset Now => TimeProvider.System.GetUtcNow();

    public async ValueTask InitializeAsync()
    {
        (issuer, other) = (await TestIssuer.Start(), await TestIssuer.Start());
        bad = new BadTokens(issuer, other);
    }

    public async ValueTask DisposeAsync()
    {
        bad.Dispose();
        await issuer.DisposeAsync();
        await other.DisposeAsync();
    }

    private static string[] Trusting(int place, TestIssuer issuer) =>
    [
        $"--Identity:Issuers:{place}:Issuer={issuer.Address}", $"--Identity:Issuers:{place}:DefaultKind=person",
        $"--Identity:Issuers:{place}:Algorithms:0=RS256", $"--Identity:Issuers:{place}:Algorithms:1=ES256",
    ];

    /// <summary>`401 token-signature`; `200` where the bearer is let in.</summary>
    private static async Task<string> Call(ControlPlaneHost host, string token)
    {
        using var client = host.Client();
        using var request = new HttpRequestMessage(HttpMethod.Get, "/v1/requests");
        request.Headers.TryAddWithoutValidation("Authorization", $"Bearer {token}");
        using var answer = await client.SendAsync(request, Cancel);
        var body = await answer.Content.ReadFromJsonAsync<JsonElement>(Cancel);
        return body.TryGetProperty("code", out var code) ? $"{(int)answer.StatusCode} {code.GetString()}" : $"{(int)answer.StatusCode}";
    }

    [Fact]
    public async Task None_of_the_bad_tokens_is_let_in_and_each_is_told_the_rule_that_it_broke()
    {
        await using var host = await ControlPlaneHost.Start(settings: [.. Trusting(1, issuer), .. Trusting(2, other)]);
        await WireAgent.Until(async () => await Call(host, issuer.Token("engineer", Now)) == "200" && await Call(host, other.Token("engineer", Now)) == "200");
        var all = bad.All(Now);
        var answers = new List<string>();
        foreach (var token in all)
        {
            answers.Add($"{token.Kind}: {await Call(host, token.Token)}");
        }
        Assert.Equal(all.Select(t => $"{t.Kind}: 401 {t.Code}"), answers);
        Assert.Equal("200", await Call(host, issuer.Token("engineer", Now)));
        FaultReport.Saw($"{all.Count} kinds of bad tokens at the API: {all.Count} times 401, each with the rule that it broke");
    }

    [Fact]
    public async Task Broken_keys_among_an_issuers_keep_nobody_out_who_has_a_good_one_and_let_nobody_in()
    {
        await using var set = await BrokenKeySet.Start(issuer);
        var trusted = new TrustedIssuers([BadTokens.Terms(issuer) with { MetadataAddress = set.Address }]);
        using var keys = new IssuerKeys(trusted, TimeProvider.System, NullLogger<IssuerKeys>.Instance);
        var validator = new TokenValidator(trusted, keys, TimeProvider.System);
        async Task<string> Verdict(string token) => (await validator.Validate(token, TokenUse.Access, Cancel)).Refusal?.Code ?? "in";

        Assert.Equal("in", await Verdict(bad.WithoutKeyId(Now)));
        Assert.Equal("in", await Verdict(issuer.Token("engineer", Now)));
        foreach (var token in set.KeyIds.SelectMany(id => bad.Naming(id, Now)))
        {
            var verdict = await Verdict(token);
            Assert.True(verdict is "token-key-unknown" or "token-signature", verdict);
        }
    }
}

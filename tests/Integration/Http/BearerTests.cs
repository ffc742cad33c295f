using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using AccessPlane.Contracts.Messages;
using AccessPlane.ControlPlane.Agents;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace AccessPlane.Tests.Integration.Http;

/// <summary>Who is let in by the API, and what those are told who are not.</summary>
public sealed class BearerTests(SharedControlPlane plane) : IClassFixture<SharedControlPlane>
{
    private readonly ControlPlaneHost host = plane.Host;

    private async Task<(HttpStatusCode Status, string? Code, string Challenge)> Call(params string[] authorization)
    {
        using var client = host.Client();
        using var request = new HttpRequestMessage(HttpMethod.Get, "/v1/requests");
        foreach (var value in authorization)
        {
            request.Headers.TryAddWithoutValidation("Authorization", value);
        }
        using var answer = await client.SendAsync(request, TestContext.Current.CancellationToken);
        var body = await answer.Content.ReadFromJsonAsync<JsonElement>(TestContext.Current.CancellationToken);
        return (answer.StatusCode, body.TryGetProperty("code", out var code) ? code.GetString() : null, answer.Headers.WwwAuthenticate.ToString());
    }

    private Dictionary<string, object?> Claims => host.Issuer.Claims("engineer", TimeProvider.System.GetUtcNow());

    private async Task Refuses(string code, Action<Dictionary<string, object?>> change)
    {
        var claims = Claims;
        change(claims);
        Assert.Equal((HttpStatusCode.Unauthorized, code), (await Call($"Bearer {host.Issuer.Sign(claims)}")) is var got ? (got.Status, got.Code) : default);
    }

    [Fact]
    public async Task A_good_token_is_let_in() => Assert.Equal(HttpStatusCode.OK, (await Call($"bearer {host.Issuer.Sign(Claims)}")).Status);

    [Fact]
    public async Task Who_brings_no_token_is_asked_for_one()
    {
        var got = await Call();
        Assert.Equal((HttpStatusCode.Unauthorized, "unauthenticated", "Bearer realm=\"accessplane\""), got);
    }

    [Theory]
    [InlineData("Bearer")]
    [InlineData("Bearer ")]
    [InlineData("Bearer x")]
    [InlineData("Basic YTpi")]
    [InlineData("Bearer a.b.c")]
    [InlineData("Bearer a b")]
    public async Task Nonsense_is_refused(string authorization)
    {
        var got = await Call(authorization);
        Assert.Equal(HttpStatusCode.Unauthorized, got.Status);
        Assert.Contains("error=\"invalid_token\"", got.Challenge, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Where_the_issuers_clients_are_named_others_tokens_are_not_taken_and_the_agents_are_told_so()
    {
        await using var strict = await ControlPlaneHost.Start(settings: ["--Identity:Issuers:0:Clients:0=portal", "--Identity:Issuers:0:Clients:1=cli"]);
        async Task<string> Ask(string? client)
        {
            var claims = strict.Issuer.Claims("engineer", TimeProvider.System.GetUtcNow(), "engineering");
            claims["client_id"] = client;
            using var http = strict.Client();
            http.DefaultRequestHeaders.Authorization = new("Bearer", strict.Issuer.Sign(client is null ? claims.Where(c => c.Key != "client_id").ToDictionary() : claims));
            using var answer = await http.GetAsync(new Uri("/v1/requests", UriKind.Relative), TestContext.Current.CancellationToken);
            var body = await answer.Content.ReadFromJsonAsync<JsonElement>(TestContext.Current.CancellationToken);
            return body.TryGetProperty("code", out var code) ? $"{(int)answer.StatusCode} {code.GetString()}" : $"{(int)answer.StatusCode}";
        }
        Assert.Equal(["200", "200", "401 token-client", "401 token-client"], [await Ask("cli"), await Ask("portal"), await Ask("another"), await Ask(null)]);
        var told = strict.Services.GetRequiredService<AgentStateBuilder>().Of("an-agent", AgentKnowledge.Nothing);
        var read = JsonSerializer.Deserialize<AgentState>(JsonSerializer.Serialize(told, Contracts.Json.Options), Contracts.Json.Options)!;
        Assert.Equal(["portal", "cli"], Assert.Single(read.Issuers).Clients);
    }

    [Fact]
    public async Task Two_tokens_at_once_are_refused()
    {
        var token = $"Bearer {host.Issuer.Sign(Claims)}";
        Assert.Equal(HttpStatusCode.Unauthorized, (await Call(token, token)).Status);
    }

    [Fact]
    public async Task A_token_in_the_address_is_not_looked_at()
    {
        using var client = host.Client();
        using var answer = await client.GetAsync(new Uri($"/v1/requests?access_token={host.Issuer.Sign(Claims)}", UriKind.Relative), TestContext.Current.CancellationToken);
        Assert.Equal(HttpStatusCode.Unauthorized, answer.StatusCode);
    }

    [Fact]
    public async Task Tokens_for_others_of_others_and_of_other_times_are_refused_with_the_rule_they_broke()
    {
        var now = TimeProvider.System.GetUtcNow().ToUnixTimeSeconds();
        await Refuses("token-audience", c => c["aud"] = "accessplane-reviews");
        await Refuses("token-audience", c => c["aud"] = new[] { "accessplane", "elsewhere" });
        await Refuses("token-issuer", c => c["iss"] = "https://evil.example");
        await Refuses("token-expired", c => c["exp"] = now - 61);
        await Refuses("token-not-yet-valid", c => c["nbf"] = now + 120);
        await Refuses("token-subject", c => c.Remove("sub"));
        await Refuses("token-chain", c => c["act"] = "assistant");
        FaultReport.Saw($"7 kinds of bad tokens at the API: 7 times 401, each with the rule that it broke");
    }

    [Fact]
    public async Task A_huge_token_is_refused()
    {
        var claims = Claims;
        claims["x"] = new string('x', 14_000);
        Assert.Equal("token-too-large", (await Call($"Bearer {host.Issuer.Sign(claims)}")).Code);
    }

    [Fact]
    public async Task Roles_come_from_groups_and_do_not_pass_to_who_acts_for_someone()
    {
        Assert.Equal(HttpStatusCode.OK, (await As("auditor", "auditors")).StatusCode);
        Assert.Equal(HttpStatusCode.Forbidden, (await As("engineer", "engineering")).StatusCode);
        var claims = host.Issuer.Claims("auditor", TimeProvider.System.GetUtcNow(), "auditors");
        claims["act"] = new { sub = "assistant", kind = "ai-agent", groups = new[] { "ai-assistants" } };
        using var client = host.Client();
        client.DefaultRequestHeaders.Authorization = new("Bearer", host.Issuer.Sign(claims));
        using var answer = await client.GetAsync(new Uri("/v1/audit/events", UriKind.Relative), TestContext.Current.CancellationToken);
        Assert.Equal(HttpStatusCode.Forbidden, answer.StatusCode);

        async Task<HttpResponseMessage> As(string subject, string group)
        {
            using var who = host.Client(subject, group);
            return await who.GetAsync(new Uri("/v1/audit/events", UriKind.Relative), TestContext.Current.CancellationToken);
        }
    }

    [Fact]
    public async Task Every_call_below_v1_needs_a_token_but_the_enrolment_of_an_agent_and_where_to_get_one()
    {
        using var client = host.Client();
        var api = await client.GetFromJsonAsync<JsonElement>("/openapi/v1.json", TestContext.Current.CancellationToken);
        foreach (var path in api.GetProperty("paths").EnumerateObject().Where(p => p.Name.StartsWith("/v1/", StringComparison.Ordinal)))
        {
            foreach (var operation in path.Value.EnumerateObject())
            {
                var address = path.Name.Replace("{id}", "0199aaaa-0000-7000-8000-000000000001", StringComparison.Ordinal)
                    .Replace("{version}", "1", StringComparison.Ordinal).Replace("{name}", "requests", StringComparison.Ordinal)
                    .Replace("{session}", "0199aaaa-0000-7000-8000-000000000001", StringComparison.Ordinal).Replace("{op}", "1", StringComparison.Ordinal);
                using var request = new HttpRequestMessage(new HttpMethod(operation.Name.ToUpperInvariant()), address);
                using var answer = await client.SendAsync(request, TestContext.Current.CancellationToken);
                var isOpen = path.Name.EndsWith("/enrol", StringComparison.Ordinal) || path.Name == "/v1/sign-in";
                Assert.True(answer.StatusCode == HttpStatusCode.Unauthorized != isOpen, $"{operation.Name} {path.Name}: {answer.StatusCode}");
            }
        }
    }
}

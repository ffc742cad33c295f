using System.Net.Http.Json;
using System.Text.Json;
using AccessPlane.Contracts.Identity;
using AccessPlane.ControlPlane.Http;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace AccessPlane.Tests.Integration.Http;

/// <summary>Tokens of a certified OpenID provider that knows nothing of us.</summary>
public sealed class ProviderTests : IAsyncLifetime
{
    private ControlPlaneHost host = null!;

    public async ValueTask InitializeAsync() => host = await ControlPlaneHost.Start(settings:
    [
        $"--Identity:Issuers:1:Issuer={Servers.Oidc}", "--Identity:Issuers:1:Algorithms:0=RS256", "--Identity:Issuers:1:EvidenceClaims:0=repository",
        "--Identity:Issuers:1:EvidenceClaims:1=run_id",
    ]);

    public ValueTask DisposeAsync() => host.DisposeAsync();

    private static async Task<string> Token(string name, string audience = "accessplane")
    {
        using var http = new HttpClient();
        using var form = new FormUrlEncodedContent(new Dictionary<string, string>
        {
            ["grant_type"] = "client_credentials",
            ["client_id"] = name,
            ["client_secret"] = Servers.OidcSecret,
            ["resource"] = $"urn:{audience}",
        });
        using var answer = await http.PostAsync(new Uri($"{Servers.Oidc}/token"), form, TestContext.Current.CancellationToken);
        return (await answer.Content.ReadFromJsonAsync<JsonElement>(TestContext.Current.CancellationToken)).GetProperty("access_token").GetString()!;
    }

    private async Task<TokenVerdict> Validate(string token, TokenUse use = TokenUse.Access) =>
        await host.Services.GetRequiredService<TokenValidator>().Validate(token, use, TestContext.Current.CancellationToken);

    [Fact]
    public async Task A_persons_token_is_let_in_by_the_api()
    {
        using var client = host.Client();
        client.DefaultRequestHeaders.Authorization = new("Bearer", await Token("engineer"));
        using var answer = await client.GetAsync(new Uri("/v1/requests", UriKind.Relative), TestContext.Current.CancellationToken);
        Assert.True(answer.IsSuccessStatusCode);
        var actor = (await Validate(await Token("engineer"))).Token!.Actor;
        Assert.Equal(($"{Servers.Oidc}|engineer", ActorKind.Person), (actor.Key, actor.Kind));
        Assert.Contains("engineering", actor.Groups);
    }

    [Fact]
    public async Task A_workloads_token_brings_its_evidence()
    {
        var actor = (await Validate(await Token("ci"))).Token!.Actor;
        Assert.Equal(ActorKind.Workload, actor.Kind);
        Assert.Equal(["repository", "run_id"], actor.Claims.Keys.Order());
    }

    [Fact]
    public async Task An_assistants_token_shows_the_chain()
    {
        var actor = (await Validate(await Token("assistant"))).Token!.Actor;
        Assert.Equal($"{Servers.Oidc}|engineer via {Servers.Oidc}|assistant", actor.ChainKey);
        Assert.Equal(ActorKind.AiAgent, Assert.Single(actor.Act).Kind);
    }

    [Fact]
    public async Task Tokens_for_reviews_and_for_the_api_are_not_taken_for_each_other()
    {
        Assert.NotNull((await Validate(await Token("dba", "accessplane-reviews"), TokenUse.Review)).Token);
        Assert.Equal("token-audience", (await Validate(await Token("dba", "accessplane-reviews"))).Refusal!.Code);
        Assert.Equal("token-audience", (await Validate(await Token("dba"), TokenUse.Review)).Refusal!.Code);
    }
}

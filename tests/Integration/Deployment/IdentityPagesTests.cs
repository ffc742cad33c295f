using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json;
using AccessPlane.Contracts.Identity;
using AccessPlane.ControlPlane.CommandLine;
using AccessPlane.ControlPlane.Console;
using AccessPlane.ControlPlane.Http;
using AccessPlane.Tests.Integration.Http;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace AccessPlane.Tests.Integration.Deployment;

/// <summary>What the pages of docs/identity say to set, the control plane takes and starts with; and what they say of tokens is so. Only the issuer is another.</summary>
public sealed class IdentityPagesTests
{
    private const string Pages = "docs/identity";
    private static readonly string[] People = ["entra-id", "keycloak", "okta"];
    private static readonly string[] Workloads = ["github-actions", "gitlab", "kubernetes"];

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    private static DateTimeOffset Now => TimeProvider.System.GetUtcNow();

    /// <summary>As the environment would have it: `Identity:Issuers:0:Issuer`.</summary>
    private static Dictionary<string, string?> SettingsOf(string page) => Repository.Assignments($"{Pages}/{page}.md")
        .ToDictionary(s => s.Key.Replace("__", ":", StringComparison.Ordinal), string? (s) => s.Single());

    private static IReadOnlyList<string> List(Dictionary<string, string?> settings, string name) =>
        [.. settings.Where(s => s.Key.StartsWith($"{name}:", StringComparison.Ordinal)).Select(s => s.Value!)];

    [Fact]
    public void There_is_no_other_page() => Assert.Equal(
        People.Concat(Workloads).Order(StringComparer.Ordinal), Directory.EnumerateFiles(Repository.Path(Pages)).Select(f => Path.GetFileNameWithoutExtension(f)).Order(StringComparer.Ordinal));

    [Theory]
    [InlineData("entra-id")]
    [InlineData("keycloak")]
    [InlineData("okta")]
    [InlineData("github-actions")]
    [InlineData("gitlab")]
    [InlineData("kubernetes")]
    public void Every_setting_of_a_page_is_one_that_there_is(string page)
    {
        var settings = SettingsOf(page);
        Assert.True(settings.Count > 3, $"only {settings.Count} settings were found");
        var configuration = new ConfigurationBuilder().AddInMemoryCollection(settings).Build();
        foreach (var section in configuration.GetChildren())
        {
            Bound(section);
        }
        // and one that is misspelt would be seen
        settings[settings.Keys.First(k => k.EndsWith(":Audience", StringComparison.Ordinal)) + "s"] = "accessplane";
        Assert.Throws<InvalidOperationException>(() => Bound(new ConfigurationBuilder().AddInMemoryCollection(settings).Build().GetSection("Identity")));

        static object? Bound(IConfigurationSection section) => section.Get(
            section.Key switch
            {
                "Identity" => typeof(IdentityOptions),
                "Roles" => typeof(RoleOptions),
                "Console" => typeof(ConsoleOptions),
                "CommandLine" => typeof(CommandLineOptions),
                _ => throw new InvalidOperationException($"there is no section `{section.Key}`"),
            },
            binder => binder.ErrorOnUnknownConfiguration = true);
    }

    [Theory]
    [InlineData("entra-id")]
    [InlineData("keycloak")]
    [InlineData("okta")]
    public async Task People_sign_in_as_a_page_has_it(string page)
    {
        await using var issuer = await TestIssuer.Start();
        var (settings, secret) = (SettingsOf(page), Path.GetTempFileName());
        await File.WriteAllTextAsync(secret, "a client's secret", Cancel);
        (settings["Identity:Issuers:0:Issuer"], settings["Console:ClientSecretFile"]) = (issuer.Address, secret);
        await using var host = await ControlPlaneHost.Start(settings: settings.Select(s => $"--{s.Key}={s.Value}"));

        using var anybody = host.Client();
        var signIn = await anybody.GetFromJsonAsync<JsonElement>("/v1/sign-in", Cancel);
        Assert.Equal((issuer.Address, settings["CommandLine:ClientId"]), (signIn.GetProperty("issuer").GetString(), signIn.GetProperty("clientId").GetString()));
        var scopes = List(settings, "CommandLine:Scopes") is { Count: > 0 } named ? named : ["openid", "profile", "offline_access"];
        Assert.Equal(scopes, signIn.GetProperty("scopes").EnumerateArray().Select(s => s.GetString()));
        using var browser = new HttpClient(new SocketsHttpHandler { AllowAutoRedirect = false }) { BaseAddress = host.Address };
        using var sent = await browser.GetAsync(new Uri("/console/mine", UriKind.Relative), Cancel);
        var there = sent.Headers.Location!;
        Assert.StartsWith($"{issuer.Address}/authorize?", there.AbsoluteUri, StringComparison.Ordinal);
        Assert.Contains($"client_id={settings["Console:ClientId"]}&", there.Query, StringComparison.Ordinal);
        Assert.Contains($"scope={Uri.EscapeDataString(string.Join(' ', List(settings, "Console:Scopes")))}", there.Query, StringComparison.Ordinal);

        var clients = List(settings, "Identity:Issuers:0:Clients");
        Assert.Equal(page != "okta", clients.Count > 0);
        async Task<HttpStatusCode> Call(string client, string audience, string group)
        {
            var claims = issuer.Claims("somebody", Now);
            claims.Remove("kind");
            (claims["aud"], claims["azp"], claims[settings["Identity:Issuers:0:GroupsClaim"]!]) = (audience, client, (string[])[group]);
            using var caller = host.Client();
            caller.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", issuer.Sign(claims));
            using var answer = await caller.GetAsync(new Uri("/v1/locks", UriKind.Relative), Cancel);
            return answer.StatusCode;
        }
        var (audience, admins) = (settings["Identity:Issuers:0:Audience"]!, settings["Roles:Admins:0"]!);
        foreach (var client in clients.DefaultIfEmpty("any"))
        {
            Assert.Equal(HttpStatusCode.OK, await Call(client, audience, admins));
            Assert.Equal(HttpStatusCode.OK, await Call(client, audience, settings["Roles:Auditors:0"]!));
        }
        Assert.Equal(clients.Count > 0 ? HttpStatusCode.Unauthorized : HttpStatusCode.OK, await Call("another", audience, admins));
        Assert.Equal(HttpStatusCode.Unauthorized, await Call(clients.FirstOrDefault("any"), "another", admins));
        Assert.Equal(HttpStatusCode.Forbidden, await Call(clients.FirstOrDefault("any"), audience, "others"));
        File.Delete(secret);
    }

    [Theory]
    [InlineData("github-actions")]
    [InlineData("gitlab")]
    [InlineData("kubernetes")]
    public async Task Workloads_come_as_a_page_has_it_beside_people_of_another_issuer(string page)
    {
        await using var issuer = await TestIssuer.Start();
        var settings = SettingsOf(page);
        settings["Identity:Issuers:1:Issuer"] = issuer.Address;
        // what the page of Kubernetes says of a token without `typ`
        var lacksType = page == "kubernetes";
        if (lacksType)
        {
            settings["Identity:Issuers:1:Types:0"] = "";
        }
        await using var host = await ControlPlaneHost.Start(settings: settings.Select(s => $"--{s.Key}={s.Value}"));
        var claims = issuer.Claims("repo:shop/billing:ref:refs/heads/main", Now);
        claims.Remove("kind");
        claims.Remove("groups");
        var evidence = List(settings, "Identity:Issuers:1:EvidenceClaims");
        foreach (var name in evidence)
        {
            claims[name] = $"its {name}";
        }
        var token = lacksType ? Untyped(issuer, claims) : issuer.Sign(claims);
        var verdict = await host.Services.GetRequiredService<TokenValidator>().Validate(token, TokenUse.Access, Cancel);
        Assert.Null(verdict.Refusal);
        var actor = verdict.Token!.Actor;
        Assert.Equal(($"{issuer.Address}|repo:shop/billing:ref:refs/heads/main", ActorKind.Workload), (actor.Key, actor.Kind));
        Assert.Equal(evidence.Order(StringComparer.Ordinal), actor.Claims.Keys.Order(StringComparer.Ordinal));
        Assert.Empty(actor.Groups);
        Assert.NotNull((await host.Services.GetRequiredService<TokenValidator>().Validate(host.Issuer.Token("engineer", Now), TokenUse.Access, Cancel)).Token);
    }

    private static string Untyped(TestIssuer issuer, Dictionary<string, object?> claims) => TestIssuer.Compose(
        new() { ["alg"] = "RS256", ["kid"] = "k1" }, claims,
        input => issuer.Rsa("k1").SignData(input, System.Security.Cryptography.HashAlgorithmName.SHA256, System.Security.Cryptography.RSASignaturePadding.Pkcs1));
}

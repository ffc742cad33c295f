using System.Net;
using System.Security.Claims;
using System.Security.Cryptography;
using System.Text;
using System.Text.RegularExpressions;
using AccessPlane.ControlPlane.Console;
using AccessPlane.ControlPlane.Http;
using AccessPlane.Projections;
using AccessPlane.Tests.Integration.Http;
using Microsoft.AspNetCore.Components.Authorization;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.WebUtilities;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace AccessPlane.Tests.Integration.Console;

/// <summary>Who is let into the console, and who is not: each test is the good sign-in with one thing wrong.</summary>
public sealed class SignInTests : IClassFixture<SignInTests.Plane>, IDisposable
{
    private const string Console = "--Console:ClientId=console";
    private readonly ControlPlaneHost host;
    private readonly Clock clock;
    private CookieContainer cookies;
    private HttpClient browser;

    public SignInTests(Plane plane)
    {
        (host, clock) = (plane.Host, plane.Clock);
        (browser, cookies) = Open();
    }

    /// <summary>One control plane for all of them, and a clock that can be moved.</summary>
    public sealed class Plane : IAsyncLifetime
    {
        internal Clock Clock { get; } = new(TimeProvider.System.GetUtcNow());
        internal ControlPlaneHost Host { get; private set; } = null!;

        public async ValueTask InitializeAsync() => Host = await ControlPlaneHost.Start(
            builder => builder.Services.AddSingleton<TimeProvider>(Clock),
            settings: [Console, "--Console:ClientSecret=a-secret-of-the-console", "--PublicUrl=http://127.0.0.1"]);

        public ValueTask DisposeAsync() => Host.DisposeAsync();
    }

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public void Dispose() => browser.Dispose();

    private (HttpClient, CookieContainer) Open()
    {
        var jar = new CookieContainer();
        return (new HttpClient(new SocketsHttpHandler { AllowAutoRedirect = false, CookieContainer = jar }) { BaseAddress = host.Address }, jar);
    }

    private Task<HttpResponseMessage> Get(string path) => browser.GetAsync(new Uri(path, UriKind.RelativeOrAbsolute), Cancel);

    /// <summary>What the console sent to the issuer.</summary>
    private async Task<Dictionary<string, string>> Begin(string page = "/console/mine")
    {
        using var answer = await Get(page);
        Assert.Equal(HttpStatusCode.Redirect, answer.StatusCode);
        Assert.StartsWith($"{host.Issuer.Address}/authorize?", answer.Headers.Location!.AbsoluteUri, StringComparison.Ordinal);
        return QueryHelpers.ParseQuery(answer.Headers.Location.Query).ToDictionary(q => q.Key, q => q.Value.ToString());
    }

    private string IdToken(Dictionary<string, string> asked, Action<Dictionary<string, object?>>? change = null, string alg = "RS256")
    {
        var claims = host.Issuer.Claims("engineer", clock.GetUtcNow());
        (claims["aud"], claims["nonce"]) = ("console", asked["nonce"]);
        change?.Invoke(claims);
        return host.Issuer.Sign(claims, alg: alg);
    }

    /// <summary>The issuer answers the code `good` once, with PKCE checked.</summary>
    private void Answers(Dictionary<string, string> asked, string idToken, string? accessToken = null, string? refresh = null)
    {
        var used = false;
        host.Issuer.Tokens = form =>
        {
            var proof = Base64UrlTextEncoder.Encode(SHA256.HashData(Encoding.ASCII.GetBytes(form.GetValueOrDefault("code_verifier", ""))));
            if (used || form.GetValueOrDefault("code") != "good" || proof != asked["code_challenge"] || form["client_secret"] != "a-secret-of-the-console")
            {
                return Results.BadRequest(new { error = "invalid_grant" });
            }
            used = true;
            return Results.Json(new Dictionary<string, object?>
            {
                ["token_type"] = "Bearer",
                ["id_token"] = idToken,
                ["access_token"] = accessToken ?? host.Issuer.Token("engineer", clock.GetUtcNow(), "engineering"),
                ["refresh_token"] = refresh,
                ["expires_in"] = 300,
            });
        };
    }

    private Task<HttpResponseMessage> Return(Dictionary<string, string> asked, string code = "good", string? state = null) =>
        Get($"/console/signed-in?code={code}&state={Uri.EscapeDataString(state ?? asked["state"])}");

    private async Task SignIn(string? refresh = null, string? accessToken = null)
    {
        var asked = await Begin();
        Answers(asked, IdToken(asked), accessToken, refresh);
        using var answer = await Return(asked);
        Assert.Equal("/console/mine", answer.Headers.Location!.ToString());
    }

    /// <summary>The sign-in came to nothing: no cookie, and the next page leads to the issuer again.</summary>
    private async Task IsRefused(HttpResponseMessage answer)
    {
        using (answer)
        {
            Assert.Equal("/console/sign-in-failed", answer.Headers.Location?.ToString());
        }
        Assert.DoesNotContain(cookies.GetAllCookies(), c => c.Name.StartsWith("accessplane", StringComparison.Ordinal) && c.Name != "accessplane-form");
        using var page = await Get("/console/mine");
        Assert.Equal(HttpStatusCode.Redirect, page.StatusCode);
    }

    [Fact]
    public async Task A_good_sign_in_opens_the_page_with_a_cookie_that_no_script_sees_and_a_strict_content_policy()
    {
        var asked = await Begin();
        Assert.Equal(("code", "console", "S256", "openid profile"), (asked["response_type"], asked["client_id"], asked["code_challenge_method"], asked["scope"]));
        Answers(asked, IdToken(asked));
        using (var answer = await Return(asked))
        {
            var cookie = Assert.Single(answer.Headers.GetValues("Set-Cookie"), c => c.StartsWith("accessplane=", StringComparison.Ordinal));
            Assert.Contains("httponly", cookie, StringComparison.Ordinal);
            Assert.Contains("samesite=lax", cookie, StringComparison.Ordinal);
        }
        using var page = await Get("/console/mine");
        Assert.Equal(HttpStatusCode.OK, page.StatusCode);
        Assert.Contains("no-store", page.Headers.CacheControl!.ToString(), StringComparison.Ordinal);
        var policy = page.Headers.GetValues("Content-Security-Policy").Single();
        Assert.Contains("script-src 'self';", policy, StringComparison.Ordinal);
        Assert.DoesNotContain("unsafe", policy, StringComparison.Ordinal);
        var html = await page.Content.ReadAsStringAsync(Cancel);
        Assert.DoesNotMatch("<script>|<script (?!src=\"/console/assets/)|<style| style=\"| on[a-z]+=\"|(src|href)=\"(https?:)?//", html);
    }

    [Fact]
    public async Task The_cookie_opens_nothing_of_the_api()
    {
        await SignIn();
        using var answer = await Get("/v1/requests");
        Assert.Equal(HttpStatusCode.Unauthorized, answer.StatusCode);
    }

    [Fact]
    public async Task Another_state_is_refused()
    {
        var asked = await Begin();
        Answers(asked, IdToken(asked));
        await IsRefused(await Return(asked, state: "made-up"));
    }

    [Fact]
    public async Task A_state_of_another_browser_is_refused()
    {
        var asked = await Begin();
        Answers(asked, IdToken(asked));
        browser.Dispose();
        (browser, cookies) = Open();
        await IsRefused(await Return(asked));
    }

    [Fact]
    public async Task A_code_that_the_issuer_does_not_know_is_refused()
    {
        var asked = await Begin();
        Answers(asked, IdToken(asked));
        await IsRefused(await Return(asked, code: "made-up"));
    }

    [Fact]
    public async Task An_answer_that_was_taken_once_is_not_taken_again()
    {
        var asked = await Begin();
        Answers(asked, IdToken(asked));
        (await Return(asked)).Dispose();
        using var again = await Return(asked);
        Assert.Equal("/console/sign-in-failed", again.Headers.Location?.ToString());
    }

    public static TheoryData<string> Wrongs => ["nonce", "no nonce", "audience", "two audiences", "party", "issuer", "over", "future", "subject"];

    [Theory]
    [MemberData(nameof(Wrongs))]
    public async Task An_id_token_with_one_thing_wrong_is_refused(string wrong)
    {
        var (asked, now) = (await Begin(), clock.GetUtcNow().ToUnixTimeSeconds());
        Answers(asked, IdToken(asked, claims =>
        {
            switch (wrong)
            {
                case "nonce": claims["nonce"] = "another"; break;
                case "no nonce": claims.Remove("nonce"); break;
                case "audience": claims["aud"] = "accessplane"; break;
                case "two audiences": claims["aud"] = (string[])["console", "another"]; break;
                case "party": claims["azp"] = "another"; break;
                case "issuer": claims["iss"] = "https://another.example"; break;
                case "over": claims["exp"] = now - 120; break;
                case "future": claims["iat"] = now + 3600; break;
                default: claims["sub"] = "admin"; break; // the access token is the engineer's
            }
        }));
        await IsRefused(await Return(asked));
    }

    [Fact]
    public async Task An_id_token_that_nobody_signed_or_another_key_did_is_refused()
    {
        var asked = await Begin();
        var claims = host.Issuer.Claims("engineer", clock.GetUtcNow());
        (claims["aud"], claims["nonce"]) = ("console", asked["nonce"]);
        Answers(asked, TestIssuer.Compose(new() { ["alg"] = "none", ["kid"] = "k1" }, claims, _ => [1]));
        await IsRefused(await Return(asked));

        asked = await Begin();
        claims["nonce"] = asked["nonce"];
        using var other = RSA.Create(2048);
        Answers(asked, host.Issuer.Sign(claims, key: other));
        await IsRefused(await Return(asked));
    }

    [Fact]
    public async Task An_access_token_that_the_api_would_not_take_opens_no_console_either()
    {
        var asked = await Begin();
        var claims = host.Issuer.Claims("engineer", clock.GetUtcNow());
        claims["aud"] = "another-api";
        Answers(asked, IdToken(asked), host.Issuer.Sign(claims));
        await IsRefused(await Return(asked));
    }

    [Fact]
    public async Task A_cookie_that_was_changed_is_none()
    {
        await SignIn();
        var cookie = cookies.GetAllCookies().Single(c => c.Name == "accessplane");
        var middle = cookie.Value.Length / 2;
        cookie.Value = cookie.Value[..middle] + (cookie.Value[middle] == 'A' ? 'B' : 'A') + cookie.Value[(middle + 1)..];
        using var page = await Get("/console/mine");
        Assert.Equal(HttpStatusCode.Redirect, page.StatusCode);
    }

    [Theory]
    [InlineData("/console/sign-out")]
    [InlineData("/console/renew")]
    [InlineData("/console/evidence/pack")]
    public async Task Another_sites_form_does_nothing(string path)
    {
        await SignIn(refresh: "r1");
        using var form = new FormUrlEncodedContent([]);
        using var answer = await browser.PostAsync(new Uri(path, UriKind.Relative), form, Cancel);
        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
        using var page = await Get("/console/mine");
        Assert.Equal(HttpStatusCode.OK, page.StatusCode); // signed in still
    }

    [Fact]
    public async Task Signing_out_with_the_pages_own_form_ends_it()
    {
        await SignIn();
        using var page = await Get("/console/mine");
        using var form = await Form(page);
        using var answer = await browser.PostAsync(new Uri("/console/sign-out", UriKind.Relative), form, Cancel);
        Assert.Equal("/console/signed-out", answer.Headers.Location!.ToString());
        using var after = await Get("/console/mine");
        Assert.Equal(HttpStatusCode.Redirect, after.StatusCode);
    }

    [Fact]
    public async Task When_the_token_has_ended_the_sign_in_goes_on_only_by_the_issuers_word()
    {
        await SignIn(refresh: "r1");
        clock.Pass(TimeSpan.FromMinutes(7));
        host.Issuer.Tokens = form => form["grant_type"] == "refresh_token" && form["refresh_token"] == "r1"
            ? Results.Json(new { access_token = host.Issuer.Token("engineer", clock.GetUtcNow(), "engineering"), refresh_token = "r2" })
            : Results.BadRequest(new { error = "invalid_grant" });
        using (var renewed = await Get("/console/mine"))
        {
            Assert.Equal(HttpStatusCode.OK, renewed.StatusCode);
            Assert.Contains(renewed.Headers.GetValues("Set-Cookie"), c => c.StartsWith("accessplane=", StringComparison.Ordinal));
        }
        // the next one is renewed by the new refresh token: this issuer does not know it, and so it is over
        clock.Pass(TimeSpan.FromMinutes(7));
        using var over = await Get("/console/mine");
        Assert.Equal(HttpStatusCode.Redirect, over.StatusCode);
    }

    [Fact]
    public async Task Somebody_elses_token_does_not_go_on_in_ones_name()
    {
        await SignIn(refresh: "r1");
        clock.Pass(TimeSpan.FromMinutes(7));
        host.Issuer.Tokens = _ => Results.Json(new { access_token = host.Issuer.Token("admin", clock.GetUtcNow(), "admins") });
        using var page = await Get("/console/mine");
        Assert.Equal(HttpStatusCode.Redirect, page.StatusCode);
    }

    [Fact]
    public async Task However_often_it_is_renewed_a_sign_in_ends()
    {
        await SignIn(refresh: "r1");
        host.Issuer.Tokens = _ => Results.Json(new { access_token = host.Issuer.Token("engineer", clock.GetUtcNow(), "engineering") });
        for (var hour = 0; hour < 11; hour++)
        {
            clock.Pass(TimeSpan.FromHours(1));
            using var page = await Get("/console/mine");
            Assert.Equal(HttpStatusCode.OK, page.StatusCode);
        }
        clock.Pass(TimeSpan.FromHours(1));
        using var after = await Get("/console/mine");
        Assert.Equal(HttpStatusCode.Redirect, after.StatusCode);
    }

    [Fact]
    public async Task Another_replica_knows_the_same_sign_in()
    {
        await SignIn();
        await using var replica = await ControlPlaneHost.Start(
            builder => builder.Services.AddSingleton<TimeProvider>(clock),
            settings: [Console, "--Console:ClientSecret=a-secret-of-the-console", "--PublicUrl=http://127.0.0.1"], like: host);
        using var page = await Get(new Uri(replica.Address, "/console/mine").AbsoluteUri);
        Assert.Equal(HttpStatusCode.OK, page.StatusCode);
    }

    [Fact]
    public async Task A_circuit_may_what_its_token_may_until_that_ends_and_goes_on_with_the_groups_of_then()
    {
        await SignIn(refresh: "r1", accessToken: host.Issuer.Token("engineer", clock.GetUtcNow(), "engineering", "admins"));
        var carried = await Renewed("engineer", "engineering", "admins");
        using var scope = host.Services.CreateScope();
        var (circuit, api) = (scope.ServiceProvider.GetRequiredService<SignedIn>(), scope.ServiceProvider.GetRequiredService<ConsoleApi>());
        ((IHostEnvironmentAuthenticationStateProvider)scope.ServiceProvider.GetRequiredService<AuthenticationStateProvider>())
            .SetAuthenticationState(Task.FromResult(new AuthenticationState(new ClaimsPrincipal())));
        var signedOut = 0;
        api.SignedOut += () => signedOut++;
        await circuit.Begin(Cancel);
        Assert.Null(circuit.Who);
        Assert.Equal("token-malformed", await Code(api)); // nobody is signed in: nothing may be seen
        Assert.True(await circuit.Renew(carried, Cancel));
        Assert.True(circuit.Who!.IsAdmin);
        Assert.Null(await Code(api));

        // time passes, and what the circuit holds is worth nothing
        clock.Pass(TimeSpan.FromMinutes(7));
        Assert.Equal("token-expired", await Code(api));
        Assert.Equal(2, signedOut);

        // made up, changed, too old, and another person's
        Assert.False(await circuit.Renew("made-up", Cancel));
        Assert.False(await circuit.Renew(carried[..^2] + "AA", Cancel));
        Assert.False(await circuit.Renew(carried, Cancel));
        var theirs = await Renewed("engineer", "engineering"); // taken out of the admins meanwhile
        browser.Dispose();
        (browser, cookies) = Open();
        var asked = await Begin();
        var claims = host.Issuer.Claims("auditor", clock.GetUtcNow(), "auditors");
        (claims["aud"], claims["nonce"]) = ("console", asked["nonce"]);
        Answers(asked, host.Issuer.Sign(claims), host.Issuer.Token("auditor", clock.GetUtcNow(), "auditors"), "r2");
        (await Return(asked)).Dispose();
        Assert.False(await circuit.Renew(await Renewed("auditor", "auditors"), Cancel));

        Assert.True(await circuit.Renew(theirs, Cancel));
        Assert.False(circuit.Who!.IsAdmin);
        Assert.Null(await Code(api));
        Assert.Equal("auditors-only", (await api.Get<Problem>("/v1/locks", Cancel)).Problem?.Code);
    }

    private static async Task<string?> Code(ConsoleApi api) => (await api.Get<Page<RequestRow>>("/v1/requests", Cancel)).Problem?.Code;

    /// <summary>What the page's script carries to its circuit.</summary>
    private async Task<string> Renewed(string who, params string[] groups)
    {
        host.Issuer.Tokens = _ => Results.Json(new { access_token = host.Issuer.Token(who, clock.GetUtcNow(), groups) });
        using var page = await Get("/console/mine");
        using var form = await Form(page);
        using var answer = await browser.PostAsync(new Uri("/console/renew", UriKind.Relative), form, Cancel);
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        return await answer.Content.ReadAsStringAsync(Cancel);
    }

    [Fact]
    public async Task Where_no_client_is_configured_or_it_is_switched_off_there_is_no_console()
    {
        foreach (var settings in (string[][])[[], [Console, "--Console:ClientSecret=x", "--Console:Enabled=false"]])
        {
            await using var without = await ControlPlaneHost.Start(settings: settings);
            using var client = without.Client();
            foreach (var path in (string[])["/console", "/console/mine", "/console/sign-in", "/_blazor/negotiate"])
            {
                using var answer = await client.GetAsync(new Uri(path, UriKind.Relative), Cancel);
                Assert.Equal(HttpStatusCode.NotFound, answer.StatusCode);
            }
        }
    }

    [Theory]
    [InlineData("https://another.example/")]
    [InlineData("//another.example/console/")]
    [InlineData("/v1/requests")]
    [InlineData("/console/\\another.example")]
    public async Task A_sign_in_leads_to_pages_of_the_console_only(string to)
    {
        var asked = await Begin($"/console/sign-in?to={Uri.EscapeDataString(to)}");
        Answers(asked, IdToken(asked));
        using var answer = await Return(asked);
        Assert.Equal("/console/mine", answer.Headers.Location!.ToString());
    }

    [Fact]
    public async Task Nobody_opens_a_circuit_who_has_not_signed_in()
    {
        using var socket = await browser.PostAsync(new Uri("/_blazor/negotiate?negotiateVersion=1", UriKind.Relative), null, Cancel);
        Assert.Equal(HttpStatusCode.Unauthorized, socket.StatusCode);
    }

    private static async Task<FormUrlEncodedContent> Form(HttpResponseMessage page)
    {
        var token = Regex.Match(await page.Content.ReadAsStringAsync(Cancel), "name=\"(?<name>__RequestVerificationToken)\" value=\"(?<value>[^\"]+)\"", RegexOptions.NonBacktracking | RegexOptions.ExplicitCapture);
        Assert.True(token.Success, "the page has a form with its own proof");
        return new FormUrlEncodedContent([new(token.Groups["name"].Value, token.Groups["value"].Value)]);
    }
}

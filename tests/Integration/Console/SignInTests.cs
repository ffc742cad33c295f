using System.Net;
using System.Security.Cryptography;
using AccessPlane.Tests.Integration.Http;
using Xunit;

namespace AccessPlane.Tests.Integration.Console;

/// <summary>Who is let into the console, and who is not: each test is the good sign-in with one thing wrong.</summary>
public sealed class SignInTests(ConsolePlane plane) : IClassFixture<ConsolePlane>, IDisposable
{
    private readonly Browser browser = new(plane);

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public void Dispose() => browser.Dispose();

    /// <summary>The sign-in came to nothing: no cookie, and the next page leads to the issuer again.</summary>
    private async Task IsRefused(HttpResponseMessage answer)
    {
        using (answer)
        {
            Assert.Equal("/console/sign-in-failed", answer.Headers.Location?.ToString());
        }
        Assert.DoesNotContain(browser.Cookies.GetAllCookies(), c => c.Name.StartsWith("accessplane", StringComparison.Ordinal) && c.Name != "accessplane-form");
        using var page = await browser.Get("/console/mine");
        Assert.Equal(HttpStatusCode.Redirect, page.StatusCode);
    }

    [Fact]
    public async Task A_good_sign_in_opens_the_page_with_a_cookie_that_no_script_sees_and_a_strict_content_policy()
    {
        var asked = await browser.Begin();
        Assert.Equal(("code", "console", "S256", "openid profile"), (asked["response_type"], asked["client_id"], asked["code_challenge_method"], asked["scope"]));
        browser.Answers(asked, browser.IdToken(asked));
        using (var answer = await browser.Return(asked))
        {
            var cookie = Assert.Single(answer.Headers.GetValues("Set-Cookie"), c => c.StartsWith("accessplane=", StringComparison.Ordinal));
            Assert.Contains("httponly", cookie, StringComparison.Ordinal);
            Assert.Contains("samesite=lax", cookie, StringComparison.Ordinal);
        }
        using var page = await browser.Get("/console/mine");
        Assert.Equal(HttpStatusCode.OK, page.StatusCode);
        Assert.Contains("no-store", page.Headers.CacheControl!.ToString(), StringComparison.Ordinal);
        var policy = page.Headers.GetValues("Content-Security-Policy").Single();
        foreach (var only in (string[])["default-src 'none';", "script-src 'self';", "style-src 'self';", "connect-src 'self';", "form-action 'self'"])
        {
            Assert.Contains(only, policy, StringComparison.Ordinal);
        }
        Assert.DoesNotContain("unsafe", policy, StringComparison.Ordinal);
        var html = await page.Content.ReadAsStringAsync(Cancel);
        Assert.DoesNotMatch("<script>|<script (?!src=\"/console/assets/)|<style| style=\"| on[a-z]+=\"|(src|href)=\"(https?:)?//", html);
    }

    [Fact]
    public async Task Another_state_is_refused()
    {
        var asked = await browser.Begin();
        browser.Answers(asked, browser.IdToken(asked));
        await IsRefused(await browser.Return(asked, state: "made-up"));
    }

    [Fact]
    public async Task A_state_of_another_browser_is_refused()
    {
        var asked = await browser.Begin();
        browser.Answers(asked, browser.IdToken(asked));
        browser.Change();
        await IsRefused(await browser.Return(asked));
    }

    [Fact]
    public async Task A_code_that_the_issuer_does_not_know_is_refused()
    {
        var asked = await browser.Begin();
        browser.Answers(asked, browser.IdToken(asked));
        await IsRefused(await browser.Return(asked, code: "made-up"));
    }

    [Fact]
    public async Task An_answer_that_was_taken_once_is_not_taken_again()
    {
        var asked = await browser.Begin();
        browser.Answers(asked, browser.IdToken(asked));
        (await browser.Return(asked)).Dispose();
        using var again = await browser.Return(asked);
        Assert.Equal("/console/sign-in-failed", again.Headers.Location?.ToString());
    }

    public static TheoryData<string> Wrongs => ["nonce", "no nonce", "audience", "two audiences", "party", "issuer", "over", "future", "subject"];

    [Theory]
    [MemberData(nameof(Wrongs))]
    public async Task An_id_token_with_one_thing_wrong_is_refused(string wrong)
    {
        var (asked, now) = (await browser.Begin(), plane.Clock.GetUtcNow().ToUnixTimeSeconds());
        browser.Answers(asked, browser.IdToken(asked, claims =>
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
        await IsRefused(await browser.Return(asked));
    }

    [Fact]
    public async Task An_id_token_that_nobody_signed_or_another_key_did_is_refused()
    {
        var asked = await browser.Begin();
        var claims = plane.Host.Issuer.Claims("engineer", plane.Clock.GetUtcNow());
        (claims["aud"], claims["nonce"]) = ("console", asked["nonce"]);
        browser.Answers(asked, TestIssuer.Compose(new() { ["alg"] = "none", ["kid"] = "k1" }, claims, _ => [1]));
        await IsRefused(await browser.Return(asked));

        asked = await browser.Begin();
        claims["nonce"] = asked["nonce"];
        using var other = RSA.Create(2048);
        browser.Answers(asked, plane.Host.Issuer.Sign(claims, key: other));
        await IsRefused(await browser.Return(asked));
    }

    [Fact]
    public async Task An_access_token_that_the_api_would_not_take_opens_no_console_either()
    {
        var asked = await browser.Begin();
        var claims = plane.Host.Issuer.Claims("engineer", plane.Clock.GetUtcNow());
        claims["aud"] = "another-api";
        browser.Answers(asked, browser.IdToken(asked), plane.Host.Issuer.Sign(claims));
        await IsRefused(await browser.Return(asked));
    }

    [Fact]
    public async Task Where_no_client_is_configured_or_it_is_switched_off_there_is_no_console()
    {
        foreach (var settings in (string[][])[[], ["--Console:ClientId=console", "--Console:ClientSecret=x", "--Console:Enabled=false"]])
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
        var asked = await browser.Begin($"/console/sign-in?to={Uri.EscapeDataString(to)}");
        browser.Answers(asked, browser.IdToken(asked));
        using var answer = await browser.Return(asked);
        Assert.Equal("/console/mine", answer.Headers.Location!.ToString());
    }

    [Fact]
    public async Task Nobody_opens_a_circuit_who_has_not_signed_in()
    {
        using var socket = await browser.Post("/_blazor/negotiate?negotiateVersion=1", null);
        Assert.Equal(HttpStatusCode.Unauthorized, socket.StatusCode);
        using var unasked = await browser.Get("/_blazor");
        Assert.Equal(HttpStatusCode.Redirect, unasked.StatusCode); // a socket needs no negotiation: who asks for one is sent to the issuer
    }
}

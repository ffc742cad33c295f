using System.Net;
using System.Security.Claims;
using AccessPlane.ControlPlane.Console;
using AccessPlane.ControlPlane.Http;
using AccessPlane.Projections;
using Microsoft.AspNetCore.Components.Authorization;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace AccessPlane.Tests.Integration.Console;

/// <summary>What a sign-in to the console is worth afterwards: where, by whose word it goes on, and when it ends.</summary>
public sealed class SignedInTests(ConsolePlane plane) : IClassFixture<ConsolePlane>, IDisposable
{
    private readonly Browser browser = new(plane);

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public void Dispose() => browser.Dispose();

    [Fact]
    public async Task The_cookie_opens_nothing_of_the_api()
    {
        await browser.SignIn();
        using var answer = await browser.Get("/v1/requests");
        Assert.Equal(HttpStatusCode.Unauthorized, answer.StatusCode);
    }

    [Fact]
    public async Task A_cookie_that_was_changed_is_none()
    {
        await browser.SignIn();
        var cookie = browser.Cookies.GetAllCookies().Single(c => c.Name == "accessplane");
        var middle = cookie.Value.Length / 2;
        cookie.Value = cookie.Value[..middle] + (cookie.Value[middle] == 'A' ? 'B' : 'A') + cookie.Value[(middle + 1)..];
        using var page = await browser.Get("/console/mine");
        Assert.Equal(HttpStatusCode.Redirect, page.StatusCode);
    }

    [Theory]
    [InlineData("/console/sign-out")]
    [InlineData("/console/renew")]
    [InlineData("/console/evidence/pack")]
    public async Task Another_sites_form_does_nothing(string path)
    {
        await browser.SignIn(refresh: "r1");
        using var form = new FormUrlEncodedContent([]);
        using var answer = await browser.Post(path, form);
        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
        using var page = await browser.Get("/console/mine");
        Assert.Equal(HttpStatusCode.OK, page.StatusCode); // signed in still
    }

    [Theory]
    [InlineData("http://127.0.0.1", HttpStatusCode.OK)]
    [InlineData("own", HttpStatusCode.OK)]
    [InlineData(null, HttpStatusCode.OK)]
    [InlineData("http://127.0.0.1:1", HttpStatusCode.Forbidden)]
    [InlineData("https://127.0.0.1", HttpStatusCode.Forbidden)]
    [InlineData("http://sibling.127.0.0.1", HttpStatusCode.Forbidden)]
    [InlineData("null", HttpStatusCode.Forbidden)]
    public async Task Another_hosts_page_opens_no_circuit_with_the_cookie(string? origin, HttpStatusCode expected)
    {
        await browser.SignIn();
        async Task<HttpStatusCode> Asks(HttpMethod method, string path)
        {
            using var asked = new HttpRequestMessage(method, path);
            if (origin is not null)
            {
                asked.Headers.Add("Origin", origin == "own" ? plane.Host.Address.GetLeftPart(UriPartial.Authority) : origin);
            }
            using var answer = await browser.Send(asked);
            return answer.StatusCode;
        }
        Assert.Equal(expected, await Asks(HttpMethod.Post, "/_blazor/negotiate?negotiateVersion=1"));
        // a socket needs no negotiation
        Assert.Equal(expected == HttpStatusCode.Forbidden, await Asks(HttpMethod.Get, "/_blazor") == HttpStatusCode.Forbidden);
    }

    [Fact]
    public async Task Signing_out_with_the_pages_own_form_ends_it()
    {
        await browser.SignIn();
        using var page = await browser.Get("/console/mine");
        using var form = await Browser.Form(page);
        using var answer = await browser.Post("/console/sign-out", form);
        Assert.Equal("/console/signed-out", answer.Headers.Location!.ToString());
        using var after = await browser.Get("/console/mine");
        Assert.Equal(HttpStatusCode.Redirect, after.StatusCode);
    }

    [Fact]
    public async Task When_the_token_has_ended_the_sign_in_goes_on_only_by_the_issuers_word()
    {
        await browser.SignIn(refresh: "r1");
        plane.Clock.Pass(TimeSpan.FromMinutes(7));
        plane.Host.Issuer.Tokens = form => form["grant_type"] == "refresh_token" && form["refresh_token"] == "r1"
            ? Results.Json(new { access_token = plane.Host.Issuer.Token("engineer", plane.Clock.GetUtcNow(), "engineering"), refresh_token = "r2" })
            : Results.BadRequest(new { error = "invalid_grant" });
        using (var renewed = await browser.Get("/console/mine"))
        {
            Assert.Equal(HttpStatusCode.OK, renewed.StatusCode);
            Assert.Contains(renewed.Headers.GetValues("Set-Cookie"), c => c.StartsWith("accessplane=", StringComparison.Ordinal));
        }
        // the next one is renewed by the new refresh token: this issuer does not know it, and so it is over
        plane.Clock.Pass(TimeSpan.FromMinutes(7));
        using var over = await browser.Get("/console/mine");
        Assert.Equal(HttpStatusCode.Redirect, over.StatusCode);
    }

    [Fact]
    public async Task Somebody_elses_token_does_not_go_on_in_ones_name()
    {
        await browser.SignIn(refresh: "r1");
        plane.Clock.Pass(TimeSpan.FromMinutes(7));
        plane.Host.Issuer.Tokens = _ => Results.Json(new { access_token = plane.Host.Issuer.Token("admin", plane.Clock.GetUtcNow(), "admins") });
        using var page = await browser.Get("/console/mine");
        Assert.Equal(HttpStatusCode.Redirect, page.StatusCode);
    }

    [Fact]
    public async Task However_often_it_is_renewed_a_sign_in_ends()
    {
        await browser.SignIn(refresh: "r1");
        plane.Host.Issuer.Tokens = _ => Results.Json(new { access_token = plane.Host.Issuer.Token("engineer", plane.Clock.GetUtcNow(), "engineering") });
        for (var hour = 0; hour < 11; hour++)
        {
            plane.Clock.Pass(TimeSpan.FromHours(1));
            using var page = await browser.Get("/console/mine");
            Assert.Equal(HttpStatusCode.OK, page.StatusCode);
        }
        plane.Clock.Pass(TimeSpan.FromHours(1));
        using var after = await browser.Get("/console/mine");
        Assert.Equal(HttpStatusCode.Redirect, after.StatusCode);
    }

    [Fact]
    public async Task Another_replica_knows_the_same_sign_in()
    {
        await browser.SignIn();
        await using var replica = await plane.Another();
        using var page = await browser.Get(new Uri(replica.Address, "/console/mine").AbsoluteUri);
        Assert.Equal(HttpStatusCode.OK, page.StatusCode);
    }

    [Fact]
    public async Task A_circuit_may_what_its_token_may_until_that_ends_and_goes_on_with_the_groups_of_then()
    {
        await browser.SignIn(refresh: "r1", accessToken: plane.Host.Issuer.Token("engineer", plane.Clock.GetUtcNow(), "engineering", "admins"));
        var carried = await Renewed("engineer", "engineering", "admins");
        using var scope = plane.Host.Services.CreateScope();
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
        plane.Clock.Pass(TimeSpan.FromMinutes(7));
        Assert.Equal("token-expired", await Code(api));
        Assert.Equal(2, signedOut);

        // made up, changed, too old, and another person's
        Assert.False(await circuit.Renew("made-up", Cancel));
        Assert.False(await circuit.Renew(carried[..^2] + "AA", Cancel));
        Assert.False(await circuit.Renew(carried, Cancel));
        var theirs = await Renewed("engineer", "engineering"); // taken out of the admins meanwhile
        browser.Change();
        var asked = await browser.Begin();
        var claims = plane.Host.Issuer.Claims("auditor", plane.Clock.GetUtcNow(), "auditors");
        (claims["aud"], claims["nonce"]) = ("console", asked["nonce"]);
        browser.Answers(asked, plane.Host.Issuer.Sign(claims), plane.Host.Issuer.Token("auditor", plane.Clock.GetUtcNow(), "auditors"), "r2");
        (await browser.Return(asked)).Dispose();
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
        plane.Host.Issuer.Tokens = _ => Results.Json(new { access_token = plane.Host.Issuer.Token(who, plane.Clock.GetUtcNow(), groups) });
        using var page = await browser.Get("/console/mine");
        using var form = await Browser.Form(page);
        using var answer = await browser.Post("/console/renew", form);
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        return await answer.Content.ReadAsStringAsync(Cancel);
    }
}

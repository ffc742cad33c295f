using System.Net;
using System.Security.Cryptography;
using System.Text;
using System.Text.RegularExpressions;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.WebUtilities;
using Xunit;

namespace AccessPlane.Tests.Integration.Console;

/// <summary>Somebody's browser before the console, and what the issuer answers while they sign in.</summary>
internal sealed class Browser : IDisposable
{
    private readonly ConsolePlane plane;
    private HttpClient client;

    public Browser(ConsolePlane plane)
    {
        this.plane = plane;
        (client, Cookies) = Open();
    }

    public CookieContainer Cookies { get; private set; }

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    /// <summary>From here on it is another one, without cookies.</summary>
    public void Change()
    {
        client.Dispose();
        (client, Cookies) = Open();
    }

    public Task<HttpResponseMessage> Get(string path) => client.GetAsync(new Uri(path, UriKind.RelativeOrAbsolute), Cancel);

    public Task<HttpResponseMessage> Post(string path, HttpContent? form) => client.PostAsync(new Uri(path, UriKind.Relative), form, Cancel);

    public Task<HttpResponseMessage> Send(HttpRequestMessage request) => client.SendAsync(request, Cancel);

    /// <summary>What the console sent to the issuer.</summary>
    public async Task<Dictionary<string, string>> Begin(string page = "/console/mine")
    {
        using var answer = await Get(page);
        Assert.Equal(HttpStatusCode.Redirect, answer.StatusCode);
        Assert.StartsWith($"{plane.Host.Issuer.Address}/authorize?", answer.Headers.Location!.AbsoluteUri, StringComparison.Ordinal);
        return QueryHelpers.ParseQuery(answer.Headers.Location.Query).ToDictionary(q => q.Key, q => q.Value.ToString());
    }

    public string IdToken(Dictionary<string, string> asked, Action<Dictionary<string, object?>>? change = null, string alg = "RS256")
    {
        var claims = plane.Host.Issuer.Claims("engineer", plane.Clock.GetUtcNow());
        (claims["aud"], claims["nonce"]) = ("console", asked["nonce"]);
        change?.Invoke(claims);
        return plane.Host.Issuer.Sign(claims, alg: alg);
    }

    /// <summary>The issuer answers the code `good` once, with PKCE checked.</summary>
    public void Answers(Dictionary<string, string> asked, string idToken, string? accessToken = null, string? refresh = null)
    {
        var used = false;
        plane.Host.Issuer.Tokens = form =>
        {
            var proof = Base64UrlTextEncoder.Encode(SHA256.HashData(Encoding.ASCII.GetBytes(form.GetValueOrDefault("code_verifier", ""))));
            if (used || form.GetValueOrDefault("code") != "good" || proof != asked["code_challenge"] || form["client_secret"] != ConsolePlane.ClientSecret)
            {
                return Results.BadRequest(new { error = "invalid_grant" });
            }
            used = true;
            return Results.Json(new Dictionary<string, object?>
            {
                ["token_type"] = "Bearer",
                ["id_token"] = idToken,
                ["access_token"] = accessToken ?? plane.Host.Issuer.Token("engineer", plane.Clock.GetUtcNow(), "engineering"),
                ["refresh_token"] = refresh,
                ["expires_in"] = 300,
            });
        };
    }

    public Task<HttpResponseMessage> Return(Dictionary<string, string> asked, string code = "good", string? state = null) =>
        Get($"/console/signed-in?code={code}&state={Uri.EscapeDataString(state ?? asked["state"])}");

    public async Task SignIn(string? refresh = null, string? accessToken = null)
    {
        var asked = await Begin();
        Answers(asked, IdToken(asked), accessToken, refresh);
        using var answer = await Return(asked);
        Assert.Equal("/console/mine", answer.Headers.Location!.ToString());
    }

    /// <summary>The form of a page, with the proof that it is the page's own.</summary>
    public static async Task<FormUrlEncodedContent> Form(HttpResponseMessage page)
    {
        var token = Regex.Match(await page.Content.ReadAsStringAsync(Cancel), "name=\"(?<name>__RequestVerificationToken)\" value=\"(?<value>[^\"]+)\"", RegexOptions.NonBacktracking | RegexOptions.ExplicitCapture);
        Assert.True(token.Success, "the page has a form with its own proof");
        return new FormUrlEncodedContent([new(token.Groups["name"].Value, token.Groups["value"].Value)]);
    }

    public void Dispose() => client.Dispose();

    private (HttpClient, CookieContainer) Open()
    {
        var jar = new CookieContainer();
        return (new HttpClient(new SocketsHttpHandler { AllowAutoRedirect = false, CookieContainer = jar }) { BaseAddress = plane.Host.Address }, jar);
    }
}

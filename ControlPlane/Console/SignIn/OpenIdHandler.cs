using System.Buffers.Text;
using System.Security.Claims;
using System.Security.Cryptography;
using System.Text.Encodings.Web;
using AccessPlane.Contracts;
using AccessPlane.Contracts.Identity;
using AccessPlane.ControlPlane.Http;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authentication.OAuth;
using Microsoft.AspNetCore.WebUtilities;
using Microsoft.Extensions.Options;

namespace AccessPlane.ControlPlane.Console.SignIn;

/// <summary>
/// OpenID Connect's code flow on ASP.NET Core's OAuth handler, which brings the state, its cookie and PKCE (RFC 7636); here are discovery, the nonce and the
/// checks of both tokens. A code is exchanged once: its state's cookie is gone after that, and the issuer refuses the code besides.
/// </summary>
internal sealed partial class OpenIdHandler(
    IOptionsMonitor<OAuthOptions> options, ILoggerFactory logger, UrlEncoder encoder, Provider provider, IdToken idToken, TokenValidator validator,
    ConsoleOptions console)
    : OAuthHandler<OAuthOptions>(options, logger, encoder)
{
    private const string Nonce = ".nonce";
    internal const string Again = "again";

    protected override async Task HandleChallengeAsync(AuthenticationProperties properties)
    {
        // a page leads to the issuer; a script's call, or a circuit that reconnects, is told that nobody is signed in
        if (!HttpMethods.IsGet(Request.Method) || Request.Headers["Sec-Fetch-Mode"].ToString() is not ("" or "navigate"))
        {
            Response.StatusCode = StatusCodes.Status401Unauthorized;
            return;
        }
        await Discover();
        await base.HandleChallengeAsync(properties);
    }

    protected override string BuildChallengeUrl(AuthenticationProperties properties, string redirectUri)
    {
        var nonce = Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(32));
        properties.Items[Nonce] = nonce; // travels in the state, which only this control plane can read and make
        var url = QueryHelpers.AddQueryString(base.BuildChallengeUrl(properties, redirectUri), "nonce", nonce);
        return properties.Items.Remove(Again) ? QueryHelpers.AddQueryString(url, "prompt", "login") : url;
    }

    protected override async Task<HandleRequestResult> HandleRemoteAuthenticateAsync()
    {
        await Discover();
        return await base.HandleRemoteAuthenticateAsync();
    }

    protected override async Task<AuthenticationTicket> CreateTicketAsync(ClaimsIdentity identity, AuthenticationProperties properties, OAuthTokenResponse tokens)
    {
        var root = tokens.Response!.RootElement;
        var nonce = properties.Items.TryGetValue(Nonce, out var made) && made is { Length: > 0 } ? made : throw Refused(new Refusal("id-token-nonce", "this sign-in had no nonce"));
        var idTokenText = root.TryGetProperty("id_token", out var sent) ? sent.GetString() ?? "" : "";
        var (subject, refusal) = await idToken.Check(idTokenText, nonce, Context.RequestAborted);
        if (refusal is not null)
        {
            throw Refused(refusal);
        }
        var verdict = await validator.Validate(tokens.AccessToken!, TokenUse.Access, Context.RequestAborted);
        if (verdict.Token is not { } token)
        {
            throw Refused(verdict.Refusal!);
        }
        // the two could be of different people: then who signed in is not who would act
        if (token.Actor.Subject != subject || token.Actor.Issuer != provider.Terms.Issuer)
        {
            throw Refused(new Refusal("id-token-subject", "the id token and the access token are of different people"));
        }
        properties.Items.Remove(Nonce);
        SignedInCookie.Keep(properties, tokens.RefreshToken);
        SignedInCookie.EndsAt(properties, TimeProvider.GetUtcNow() + console.SignInFor);
        return new AuthenticationTicket(SignedInCookie.Principal(token.Actor, tokens.AccessToken!), properties, Scheme.Name);
    }

    private AuthenticationFailureException Refused(Refusal refusal)
    {
        LogRefused(Logger, refusal.Code, refusal.Detail);
        return new AuthenticationFailureException(refusal.Code);
    }

    /// <summary>The addresses are the issuer's to say, and the same for everybody.</summary>
    private async Task Discover()
    {
        try
        {
            var metadata = await provider.Metadata(Context.RequestAborted);
            (Options.AuthorizationEndpoint, Options.TokenEndpoint) = (metadata.AuthorizationEndpoint, metadata.TokenEndpoint);
        }
        catch (Exception failure) when (failure is not OperationCanceledException || !Context.RequestAborted.IsCancellationRequested)
        {
            throw new UnavailableException("identity-provider-unavailable", "the identity provider cannot be reached: try again", failure);
        }
    }

    [LoggerMessage(LogLevel.Warning, "a sign-in was refused, `{Code}`: {Detail}")]
    private static partial void LogRefused(ILogger log, string code, string detail);
}

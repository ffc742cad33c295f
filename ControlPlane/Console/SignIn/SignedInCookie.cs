using System.Globalization;
using System.Security.Claims;
using AccessPlane.Contracts.Identity;
using AccessPlane.ControlPlane.Http;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authentication.Cookies;

namespace AccessPlane.ControlPlane.Console.SignIn;

/// <summary>
/// What the browser keeps of a sign-in: the access token and the refresh token, encrypted with keys of this control plane, HttpOnly. Nothing is kept on the
/// server, so that any replica serves anybody.
/// INVARIANT: the cookie is worth what its access token is worth. It is checked at every request, and the token again at every single call of a circuit, as the
/// API checks any bearer; when it ends it is renewed at the issuer, which then says anew who somebody is and in which groups, or the sign-in is over.
/// </summary>
internal sealed class SignedInCookie(Renewal renewal, TokenValidator validator, TimeProvider clock) : CookieAuthenticationEvents
{
    private const string Refresh = ".refresh";
    private const string Until = ".until";
    private const string TokenClaim = "accessplane:token";

    public static ClaimsPrincipal Principal(Actor actor, string accessToken) => new(new ClaimsIdentity(
        [new Claim(ClaimTypes.NameIdentifier, actor.ChainKey), new Claim(TokenClaim, accessToken)], ConsoleFeature.Cookie));

    public static string? TokenOf(ClaimsPrincipal? principal) => principal?.FindFirst(TokenClaim)?.Value;

    public static string? RefreshOf(AuthenticationProperties? properties) => properties?.Items.TryGetValue(Refresh, out var token) == true ? token : null;

    public static void Keep(AuthenticationProperties properties, string? refreshToken)
    {
        if (!string.IsNullOrEmpty(refreshToken))
        {
            properties.Items[Refresh] = refreshToken;
        }
    }

    /// <summary>When the sign-in ends whatever is renewed: a cookie that is written anew has its time begin anew, this does not.</summary>
    public static void EndsAt(AuthenticationProperties properties, DateTimeOffset until) => properties.Items[Until] = until.ToString("O", CultureInfo.InvariantCulture);

    private static bool IsOver(AuthenticationProperties properties, DateTimeOffset now) =>
        !properties.Items.TryGetValue(Until, out var text) || !DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, out var until) || now >= until;

    public override async Task ValidatePrincipal(CookieValidatePrincipalContext context)
    {
        var cancel = context.HttpContext.RequestAborted;
        if (IsOver(context.Properties, clock.GetUtcNow()))
        {
            context.RejectPrincipal();
            return;
        }
        if (TokenOf(context.Principal) is { } token && (await validator.Validate(token, TokenUse.Access, cancel)).Token is not null)
        {
            return;
        }
        if (await renewal.Renew(context.Principal, context.Properties, cancel) is { } renewed)
        {
            context.ReplacePrincipal(renewed);
            context.ShouldRenew = true;
            return;
        }
        context.RejectPrincipal();
    }
}

using AccessPlane.Contracts.Identity;
using AccessPlane.ControlPlane.Console.SignIn;
using AccessPlane.ControlPlane.Http;
using Microsoft.AspNetCore.Components.Authorization;
using Microsoft.AspNetCore.DataProtection;

namespace AccessPlane.ControlPlane.Console;

/// <summary>
/// Who sits before a circuit: their access token, and what it says of them. A circuit may live for days and its browser's cookie says nothing to it after its
/// start, so it holds no right of its own: it holds the token, every call shows it, and when the token ends the circuit can do nothing until the browser has
/// had it renewed, with the groups of then. Somebody who is signed out elsewhere, or taken out of a group, is so here when their token ends: that is the
/// bound that the API has for any bearer.
/// </summary>
public sealed class SignedIn(
    AuthenticationStateProvider browser, IServiceProvider services, TokenValidator validator, RoleOptions roles)
{
    /// <summary>So long before its end a token is renewed.</summary>
    private static readonly TimeSpan Ahead = TimeSpan.FromSeconds(30);

    internal string? Token { get; private set; }

    /// <summary>For what is shown: what is done is judged by the token. Null before <see cref="Begin"/>, and where nobody is signed in.</summary>
    public Caller? Who { get; private set; }

    /// <summary>When the token should be renewed.</summary>
    public DateTimeOffset RenewAt => Who is { } who ? who.Until - TokenReader.Skew - Ahead : DateTimeOffset.MinValue;

    public async Task Begin(CancellationToken cancel)
    {
        if (Token is null && SignedInCookie.TokenOf((await browser.GetAuthenticationStateAsync()).User) is { } token)
        {
            await Take(token, cancel);
        }
    }

    /// <summary>Takes the token that the browser has had renewed.</summary>
    /// <param name="carried">As the browser carried it; what it says is not believed unless this control plane wrote it just now.</param>
    /// <returns>False where it is not one of the same person.</returns>
    public async Task<bool> Renew(string carried, CancellationToken cancel)
    {
        try
        {
            return await Take(SignInEndpoints.Carrier(services.GetRequiredService<IDataProtectionProvider>()).Unprotect(carried), cancel);
        }
        catch (System.Security.Cryptography.CryptographicException)
        {
            return false;
        }
    }

    private async Task<bool> Take(string token, CancellationToken cancel)
    {
        if ((await validator.Validate(token, TokenUse.Access, cancel)).Token is not { } valid || (Who is { } who && who.Actor.ChainKey != valid.Actor.ChainKey))
        {
            return false;
        }
        (Token, Who) = (token, roles.CallerOf(valid));
        return true;
    }
}

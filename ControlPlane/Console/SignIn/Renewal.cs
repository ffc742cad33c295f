using System.Security.Claims;
using System.Text.Json;
using AccessPlane.Contracts.Identity;
using AccessPlane.ControlPlane.Http;
using Microsoft.AspNetCore.Authentication;

namespace AccessPlane.ControlPlane.Console.SignIn;

/// <summary>A new access token for one that ends, by the refresh token (RFC 6749 §6), of the same person.</summary>
internal sealed partial class Renewal(Provider provider, TokenValidator validator, ConsoleOptions options, ILogger<Renewal> log)
{
    /// <summary>Null where the sign-in is over: the issuer gives no more, or the token that it gives is another's.</summary>
    public async Task<ClaimsPrincipal?> Renew(ClaimsPrincipal? signedIn, AuthenticationProperties properties, CancellationToken cancel)
    {
        if (SignedInCookie.RefreshOf(properties) is not { } refresh || signedIn?.FindFirst(ClaimTypes.NameIdentifier)?.Value is not { } who)
        {
            return null;
        }
        try
        {
            var metadata = await provider.Metadata(cancel);
            using var answer = await Post(metadata.TokenEndpoint, new() { ["grant_type"] = "refresh_token", ["refresh_token"] = refresh }, cancel);
            if (!answer.IsSuccessStatusCode)
            {
                LogOver((int)answer.StatusCode);
                return null;
            }
            var tokens = await answer.Content.ReadFromJsonAsync<Tokens>(cancel);
            if (tokens?.AccessToken is not { } access || (await validator.Validate(access, TokenUse.Access, cancel)).Token is not { } token || token.Actor.ChainKey != who)
            {
                LogAnother();
                return null;
            }
            SignedInCookie.Keep(properties, tokens.RefreshToken);
            return SignedInCookie.Principal(token.Actor, access);
        }
        catch (Exception unreachable) when (unreachable is HttpRequestException or IOException or JsonException || (unreachable is OperationCanceledException && !cancel.IsCancellationRequested))
        {
            LogUnreachable(unreachable);
            return null;
        }
    }

    /// <summary>Gives the refresh token back (RFC 7009): a copy of the cookie is then worth nothing once its access token has ended.</summary>
    public async Task GiveBack(AuthenticationProperties? properties, CancellationToken cancel)
    {
        try
        {
            if (SignedInCookie.RefreshOf(properties) is { } refresh &&
                (await provider.Metadata(cancel)).AdditionalData.TryGetValue("revocation_endpoint", out var endpoint) && endpoint?.ToString() is { Length: > 0 } address)
            {
                using var answer = await Post(address, new() { ["token"] = refresh, ["token_type_hint"] = "refresh_token" }, cancel);
            }
        }
        catch (Exception unreachable) when (unreachable is HttpRequestException or IOException or OperationCanceledException)
        {
            LogUnreachable(unreachable); // whoever signs out is signed out here whether or not the issuer hears of it
        }
    }

    private async Task<HttpResponseMessage> Post(string address, Dictionary<string, string> form, CancellationToken cancel)
    {
        form["client_id"] = options.ClientId!;
        form["client_secret"] = options.Secret;
        using var body = new FormUrlEncodedContent(form);
        return await provider.Http.PostAsync(new Uri(address), body, cancel);
    }

    private sealed record Tokens(
        [property: System.Text.Json.Serialization.JsonPropertyName("access_token")] string? AccessToken,
        [property: System.Text.Json.Serialization.JsonPropertyName("refresh_token")] string? RefreshToken);

    [LoggerMessage(LogLevel.Information, "a sign-in is over: the issuer answered {Status}")]
    private partial void LogOver(int status);

    [LoggerMessage(LogLevel.Warning, "a sign-in is over: the issuer's new token is not one for the same person")]
    private partial void LogAnother();

    [LoggerMessage(LogLevel.Warning, "the identity provider cannot be reached")]
    private partial void LogUnreachable(Exception why);
}

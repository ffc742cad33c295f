using System.Buffers.Text;
using System.Text.Json;
using AccessPlane.Contracts;
using AccessPlane.ControlPlane.Http;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;
using TokenReader = AccessPlane.Contracts.Identity.TokenReader;

namespace AccessPlane.ControlPlane.Console.SignIn;

/// <summary>
/// The id token of a sign-in (OpenID Connect Core §3.1.3.7): that this very sign-in was answered, by the issuer, for the console. Who somebody is and what
/// they may is not read from it: that is what the access token says, which the API judges by.
/// </summary>
internal sealed class IdToken(Provider provider, IssuerKeys keys, ConsoleOptions options, TimeProvider clock)
{
    // INVARIANT: no cache, as in TokenValidator
    private static readonly CryptoProviderFactory Crypto = new() { CacheSignatureProviders = false };
    private static readonly JsonDocumentOptions Strict = new() { AllowDuplicateProperties = false, MaxDepth = 16 };
    private readonly JsonWebTokenHandler handler = new() { MaximumTokenSizeInBytes = TokenReader.MaxLength };

    /// <param name="nonce">Of the request that was made for it.</param>
    /// <returns>Why it is not taken, or its subject.</returns>
    public async Task<(string? Subject, Refusal? Refusal)> Check(string token, string nonce, CancellationToken cancel)
    {
        if (token.Length > TokenReader.MaxLength || token.Split('.') is not [var head, var body, { Length: > 0 }] || Parse(head) is not { } header || Parse(body) is not { } claims)
        {
            return Refuse("id-token-malformed", "the id token is not three parts of strict JSON");
        }
        if (Text(header, "alg") is not { } algorithm || !TokenReader.KnownAlgorithms.Contains(algorithm) || !provider.Terms.Algorithms.Contains(algorithm))
        {
            return Refuse("id-token-algorithm", "the id token's algorithm is not allowed for its issuer");
        }
        if (Text(claims, "iss") != provider.Terms.Issuer)
        {
            return Refuse("id-token-issuer", "the id token is another issuer's");
        }
        if (Audience(claims) != options.ClientId || (Text(claims, "azp") is { } party && party != options.ClientId))
        {
            return Refuse("id-token-audience", "the id token is not for the console alone");
        }
        if (Text(claims, "nonce") != nonce)
        {
            return Refuse("id-token-nonce", "the id token answers another sign-in");
        }
        var now = clock.GetUtcNow();
        if (Time(claims, "exp") is not { } expires || expires <= now - TokenReader.Skew || Time(claims, "iat") is not { } issued || issued > now + TokenReader.Skew)
        {
            return Refuse("id-token-time", "the id token is not of now");
        }
        var fitting = await keys.Find(provider.Terms.Issuer, algorithm, Text(header, "kid"), cancel);
        return fitting is null ? Refuse("identity-provider-unavailable", "the issuer's keys cannot be fetched now: try again")
            : !IsSigned(token, fitting) ? Refuse("id-token-signature", "the id token's signature is not its issuer's")
            : Text(claims, "sub") is { Length: > 0 } subject ? (subject, null)
            : Refuse("id-token-malformed", "the id token has no subject");
    }

    private bool IsSigned(string token, IReadOnlyList<JsonWebKey> fitting) => handler.ValidateToken(token, new TokenValidationParameters
    {
        ValidIssuer = provider.Terms.Issuer,
        ValidAudience = options.ClientId,
        RequireSignedTokens = true,
        IssuerSigningKeyResolver = (_, _, _, _) => fitting,
        CryptoProviderFactory = Crypto,
        ValidateLifetime = false, // done above, by the clock that tests can turn
    }).IsValid;

    private static JsonElement? Parse(string part)
    {
        try
        {
            using var document = JsonDocument.Parse(Base64Url.DecodeFromChars(part), Strict);
            return document.RootElement.ValueKind == JsonValueKind.Object ? document.RootElement.Clone() : null;
        }
        catch (Exception bad) when (bad is FormatException or JsonException)
        {
            return null;
        }
    }

    private static string? Text(JsonElement of, string name) => of.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;

    private static DateTimeOffset? Time(JsonElement of, string name) =>
        of.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.Number && value.TryGetDouble(out var seconds) && seconds is >= 0 and <= 253_402_300_000
            ? DateTimeOffset.UnixEpoch.AddSeconds(seconds) : null;

    /// <summary>The one audience; null where there are several.</summary>
    private static string? Audience(JsonElement claims) => claims.TryGetProperty("aud", out var audience) && audience is { ValueKind: JsonValueKind.Array }
        ? audience.GetArrayLength() == 1 && audience[0].ValueKind == JsonValueKind.String ? audience[0].GetString() : null
        : Text(claims, "aud");

    private static (string?, Refusal) Refuse(string code, string detail) => (null, new Refusal(code, detail));
}

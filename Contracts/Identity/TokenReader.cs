using System.Buffers.Text;
using System.Collections.Frozen;
using System.Text.Json;
using System.Text.Unicode;
using AccessPlane.Contracts.Messages;

namespace AccessPlane.Contracts.Identity;

/// <summary>
/// Everything about a JWT access token that can be said without its issuer's key, strictly and before any cryptography: RFC 7515, 7519, 8725
/// and 9068, narrowed wherever they leave a choice that two readers could take differently.
/// </summary>
public static class TokenReader
{
    public const int MaxLength = 16 * 1024;

    /// <summary>How far the issuer's clock may be from ours.</summary>
    public static readonly TimeSpan Skew = TimeSpan.FromSeconds(60);

    /// <summary>Where an issuer's terms say nothing else.</summary>
    public static readonly TimeSpan DefaultMaxAge = TimeSpan.FromHours(24);

    public static readonly TimeSpan MaxReviewLife = TimeSpan.FromMinutes(5);

    /// <summary>All that can ever be allowed: `none` and HMAC are not here, so no configuration can let them in.</summary>
    public static readonly FrozenSet<string> KnownAlgorithms =
        FrozenSet.Create(StringComparer.Ordinal, "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512");

    private static readonly string[] DefaultTypes = ["at+jwt", "JWT"];
    private static readonly string[] KeysInHeader = ["jku", "jwk", "x5u", "x5c"];
    private static readonly string[] OfOtherKinds = ["nonce", "at_hash", "c_hash", "s_hash", "events"];
    private static readonly string[] ClientClaims = ["client_id", "azp"];
    private static readonly JsonDocumentOptions Strict = new() { AllowDuplicateProperties = false, MaxDepth = 16 };

    /// <param name="now">The reader's clock.</param>
    public static TokenReading Read(string token, TokenUse use, IReadOnlyCollection<IssuerTerms> issuers, DateTimeOffset now)
    {
        ArgumentNullException.ThrowIfNull(token);
        ArgumentNullException.ThrowIfNull(issuers);
        if (token.Length > MaxLength)
        {
            return Refuse("token-too-large", "the token is larger than 16 KiB");
        }
        var parts = token.Split('.');
        if (parts.Length != 3)
        {
            return Refuse("token-malformed", parts.Length == 5 ? "encrypted tokens are not taken" : "the token does not have exactly three parts");
        }
        if (Decode(parts[0]) is not { } header || Decode(parts[1]) is not { } payload || Decode(parts[2]) is not { Length: > 0 })
        {
            return Refuse("token-malformed", "a part of the token is not base64url");
        }
        try
        {
            using var head = Parse(header);
            using var body = Parse(payload);
            return Read(token, head.RootElement, body.RootElement, use, issuers, now);
        }
        // JsonDocument reports lone surrogates only when a string is read, and then as InvalidOperationException
        catch (Exception bad) when (bad is JsonException or InvalidOperationException)
        {
            return Refuse("token-malformed", "a part of the token is not strict JSON (each member once, valid UTF-8)");
        }
        catch (TokenRefusedException refused)
        {
            return new TokenReading.Refused(refused.Refusal);
        }
    }

    private static TokenReading.Read Read(
        string token, JsonElement header, JsonElement claims, TokenUse use, IReadOnlyCollection<IssuerTerms> issuers, DateTimeOffset now)
    {
        if (header.ValueKind != JsonValueKind.Object || claims.ValueKind != JsonValueKind.Object)
        {
            throw new TokenRefusedException("token-malformed", "a part of the token is not a JSON object");
        }
        // which issuer's rules apply is read first; until the signature is checked with that issuer's key it is only a claim
        var iss = claims.Text("iss");
        var issuer = issuers.FirstOrDefault(i => i.Issuer == iss) ?? throw new TokenRefusedException("token-issuer", "the token's issuer is not one of the trusted");
        var algorithm = CheckHeader(header, issuer);
        CheckType(header, claims, issuer);
        CheckAudience(claims, use == TokenUse.Review ? issuer.ReviewAudience : issuer.Audience);
        CheckClient(claims, issuer);
        var (issuedAt, expiresAt) = CheckTimes(claims, issuer, use, now);
        var id = claims.Text("jti");
        if (use == TokenUse.Review && string.IsNullOrEmpty(id))
        {
            throw new TokenRefusedException("token-id", "a token for a review needs a `jti`, so that it counts once");
        }
        var actor = TokenClaims.ActorOf(claims, issuer);
        return new TokenReading.Read(new UnverifiedToken(token, algorithm, header.Text("kid"), new ValidToken(issuer, actor, id, issuedAt, expiresAt)));
    }

    private static string CheckHeader(JsonElement header, IssuerTerms issuer)
    {
        var algorithm = header.Text("alg");
        if (algorithm is null || !KnownAlgorithms.Contains(algorithm) || !issuer.Algorithms.Contains(algorithm))
        {
            throw new TokenRefusedException("token-algorithm", "the token's algorithm is not allowed for its issuer");
        }
        if (KeysInHeader.FirstOrDefault(name => header.TryGetProperty(name, out _)) is { } key)
        {
            throw new TokenRefusedException("token-header", $"the token brings its own key (`{key}`)");
        }
        if (header.TryGetProperty("crit", out _) || header.TryGetProperty("b64", out _))
        {
            throw new TokenRefusedException("token-header", "the token has critical extensions that are not understood");
        }
        if (header.TryGetProperty("enc", out _) || header.TryGetProperty("zip", out _) || header.TryGetProperty("cty", out _))
        {
            throw new TokenRefusedException("token-header", "nested, compressed and encrypted tokens are not taken");
        }
        return algorithm;
    }

    /// <summary>ID tokens tell a client who signed in; taking one as an access token would let any client of the issuer act as its users.</summary>
    private static void CheckType(JsonElement header, JsonElement claims, IssuerTerms issuer)
    {
        var type = header.Text("typ") ?? "";
        type = type.StartsWith("application/", StringComparison.OrdinalIgnoreCase) ? type["application/".Length..] : type;
        if (!(issuer.Types ?? DefaultTypes).Contains(type, StringComparer.OrdinalIgnoreCase))
        {
            throw new TokenRefusedException("token-type", "the token's type is not that of an access token");
        }
        // at+jwt says plainly what it is (RFC 9068); other types are told apart by what only the other kinds carry
        if (!type.Equals("at+jwt", StringComparison.OrdinalIgnoreCase) &&
            (OfOtherKinds.Any(name => claims.TryGetProperty(name, out _)) ||
                (claims.TextOrNull("typ") is { } kind && !kind.Equals("Bearer", StringComparison.OrdinalIgnoreCase)) ||
                (claims.TextOrNull("token_use") is { } used && !used.Equals("access", StringComparison.OrdinalIgnoreCase))))
        {
            throw new TokenRefusedException("token-type", "an id token (or another kind) was sent where an access token is asked for");
        }
    }

    private static void CheckAudience(JsonElement claims, string expected)
    {
        var found = claims.TryGetProperty("aud", out var aud)
            ? aud.ValueKind == JsonValueKind.Array && aud.GetArrayLength() == 1 ? aud[0] : aud
            : default;
        if (found.ValueKind != JsonValueKind.String || found.GetString() != expected || expected.Length == 0)
        {
            throw new TokenRefusedException("token-audience", $"the token is not for `{expected}` alone");
        }
    }

    /// <summary>Whom the token was issued to: RFC 9068 has it in `client_id`, OpenID providers in `azp`. Where both are there, both count: a reader of the one
    /// must not let in what a reader of the other refuses.</summary>
    private static void CheckClient(JsonElement claims, IssuerTerms issuer)
    {
        if (issuer.Clients is not { } allowed)
        {
            return;
        }
        var named = ClientClaims.Select(c => claims.Text(c)).OfType<string>().ToList();
        if (named.Count == 0 || !named.TrueForAll(allowed.Contains))
        {
            throw new TokenRefusedException("token-client", "the token was issued to a client whose tokens are not taken");
        }
    }

    private static (DateTimeOffset IssuedAt, DateTimeOffset ExpiresAt) CheckTimes(JsonElement claims, IssuerTerms issuer, TokenUse use, DateTimeOffset now)
    {
        var expires = claims.Time("exp") ?? throw new TokenRefusedException("token-malformed", "the token has no `exp`");
        var issued = claims.Time("iat") ?? throw new TokenRefusedException("token-malformed", "the token has no `iat`");
        if (expires <= now - Skew)
        {
            throw new TokenRefusedException("token-expired", "the token has expired: get a new one");
        }
        if (issued > now + Skew || claims.Time("nbf") > now + Skew)
        {
            throw new TokenRefusedException("token-not-yet-valid", "the token is not valid yet: compare the clocks");
        }
        if (now - issued > (issuer.MaxAge ?? DefaultMaxAge) + Skew)
        {
            throw new TokenRefusedException("token-too-old", "the token was issued too long ago: get a new one");
        }
        if (use == TokenUse.Review && expires - issued > MaxReviewLife)
        {
            throw new TokenRefusedException("token-life", "a token for a review may live at most 5 minutes");
        }
        return (issued, expires);
    }

    /// <summary>Base64url in its one canonical form: no padding, no white space, no stray bits at the end.</summary>
    private static byte[]? Decode(string part)
    {
        if (part.Length % 4 == 1 || !part.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_'))
        {
            return null;
        }
        try
        {
            var bytes = Base64Url.DecodeFromChars(part);
            return Base64Url.EncodeToString(bytes) == part ? bytes : null;
        }
        catch (FormatException)
        {
            return null;
        }
    }

    private static JsonDocument Parse(byte[] utf8) =>
        Utf8.IsValid(utf8) ? JsonDocument.Parse(utf8, Strict) : throw new JsonException("not UTF-8");

    private static TokenReading.Refused Refuse(string code, string detail) => new(new Refusal(code, detail));
}

using AccessPlane.Contracts;
using AccessPlane.Contracts.Identity;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;
using TokenReader = AccessPlane.Contracts.Identity.TokenReader;

namespace AccessPlane.ControlPlane.Http;

/// <param name="Token">Null where it was refused.</param>
/// <param name="Refusal">`token-…`, or `identity-provider-unavailable` where nothing can be said now.</param>
public sealed record TokenVerdict(ValidToken? Token, Refusal? Refusal);

/// <summary>Who a token speaks for: structure and claims first, then the signature. The same for REST, for reviews by queue and for logins at agents.</summary>
public sealed class TokenValidator(TrustedIssuers issuers, IssuerKeys keys, TimeProvider clock)
{
    // INVARIANT: no cache. The library's own keeps signature checkers by key id alone: another issuer's key, or a withdrawn one, under the same id
    // would be taken for this one.
    private static readonly CryptoProviderFactory Crypto = new() { CacheSignatureProviders = false };

    private readonly JsonWebTokenHandler handler = new() { MaximumTokenSizeInBytes = TokenReader.MaxLength };

    public async ValueTask<TokenVerdict> Validate(string token, TokenUse use, CancellationToken cancel)
    {
        switch (TokenReader.Read(token, use, issuers.All, clock.GetUtcNow()))
        {
            case TokenReading.Read { Token: var unverified }:
                return await keys.Find(unverified, cancel) switch
                {
                    null => Refuse("identity-provider-unavailable", "the issuer's keys cannot be fetched now: try again"),
                    [] => Refuse("token-key-unknown", "the token names no key of its issuer that fits its algorithm"),
                    var fitting => unverified.ProvenBy(t => IsSigned(t, use, fitting)) is { } valid
                        ? new TokenVerdict(valid, null)
                        : Refuse("token-signature", "the token's signature is not its issuer's"),
                };
            case TokenReading.Refused { Refusal: var refusal }:
                return new TokenVerdict(null, refusal);
            default:
                throw new InvalidOperationException("a reading is either read or refused");
        }
    }

    private bool IsSigned(UnverifiedToken token, TokenUse use, IReadOnlyList<JsonWebKey> fitting) => handler.ValidateToken(token.Compact, new TokenValidationParameters
    {
        ValidIssuer = token.Issuer.Issuer,
        ValidAudience = use == TokenUse.Review ? token.Issuer.ReviewAudience : token.Issuer.Audience,
        RequireSignedTokens = true,
        IssuerSigningKeyResolver = (_, _, _, _) => fitting,
        CryptoProviderFactory = Crypto,
        ValidateLifetime = false, // TokenReader did, by the clock that tests can turn
    }).IsValid;

    private static TokenVerdict Refuse(string code, string detail) => new(null, new Refusal(code, detail));
}

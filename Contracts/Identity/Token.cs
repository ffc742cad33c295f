using AccessPlane.Contracts.Messages;

namespace AccessPlane.Contracts.Identity;

/// <summary>What a token is presented for. Each use has its own audience, so that a token for one is worth nothing for the other.</summary>
public enum TokenUse
{
    /// <summary>The REST API, and logins at agents.</summary>
    Access,

    /// <summary>One review by queue: lives at most five minutes and counts once, because who can read the queue can read it.</summary>
    Review,
}

/// <summary>A token that reads well. Who it speaks for is told only by <see cref="ProvenBy"/>: nobody can use the actor and forget the signature.</summary>
public sealed class UnverifiedToken
{
    private readonly ValidToken token;

    internal UnverifiedToken(string compact, string algorithm, string? keyId, ValidToken token)
    {
        Compact = compact;
        Algorithm = algorithm;
        KeyId = keyId;
        this.token = token;
    }

    /// <summary>The token as it came: three base64url parts.</summary>
    public string Compact { get; }

    /// <summary>In the issuer's allow-list.</summary>
    public string Algorithm { get; }

    /// <summary>Null where the token names none: then the issuer must have exactly one key for the algorithm.</summary>
    public string? KeyId { get; }

    public IssuerTerms Issuer => token.Issuer;

    /// <param name="signature">Whether the signature is that of one of the issuer's keys, and the key fits <see cref="Algorithm"/>.</param>
    public ValidToken? ProvenBy(Func<UnverifiedToken, bool> signature)
    {
        ArgumentNullException.ThrowIfNull(signature);
        return signature(this) ? token : null;
    }
}

/// <param name="Id">`jti`; always there in tokens for reviews.</param>
public sealed record ValidToken(IssuerTerms Issuer, Actor Actor, string? Id, DateTimeOffset IssuedAt, DateTimeOffset ExpiresAt)
{
    /// <summary>Shown from then on, it is refused: what goes on in its name ends here.</summary>
    public DateTimeOffset UsableUntil
    {
        get
        {
            var tooOld = IssuedAt + (Issuer.MaxAge ?? TokenReader.DefaultMaxAge);
            return (ExpiresAt < tooOld ? ExpiresAt : tooOld) + TokenReader.Skew;
        }
    }
}

public abstract record TokenReading
{
    private TokenReading() { }

    public sealed record Read(UnverifiedToken Token) : TokenReading;

    /// <summary>The refusal says which rule, and nothing of the token's content.</summary>
    public sealed record Refused(Refusal Refusal) : TokenReading;
}

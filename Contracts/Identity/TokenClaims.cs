using System.Globalization;
using System.Text.Json;
using AccessPlane.Contracts.Messages;

namespace AccessPlane.Contracts.Identity;

/// <summary>A token's claims → the actor it speaks for.</summary>
internal static class TokenClaims
{
    private const int MaxChain = 4;
    private const int MaxGroups = 1_000;
    private const int MaxText = 256;
    private const int MaxEvidence = 1_024;

    public static Actor ActorOf(JsonElement claims, IssuerTerms issuer)
    {
        var chain = new List<Actor>();
        for (var link = claims; link.TryGetProperty("act", out var act); link = act)
        {
            if (act.ValueKind != JsonValueKind.Object)
            {
                throw new TokenRefusedException("token-chain", "`act` must be an object");
            }
            if (chain.Count == MaxChain)
            {
                throw new TokenRefusedException("token-chain", $"the delegation chain is longer than {MaxChain}");
            }
            chain.Add(Link(act, act.Text("iss") ?? issuer.Issuer, issuer));
        }
        return Link(claims, issuer.Issuer, issuer) with { Act = chain };
    }

    private static Actor Link(JsonElement claims, string iss, IssuerTerms issuer)
    {
        // INVARIANT: an issuer has no `|` and a subject no ` via `, so that `issuer|subject` and the chain's key each mean one thing only
        if (!IsVisibleAscii(iss, spaces: false) || iss.Contains('|', StringComparison.Ordinal))
        {
            throw new TokenRefusedException("token-issuer", "the issuer of a link of the delegation chain is not a plain URI");
        }
        var subject = claims.Text("sub");
        if (subject is null || !IsVisibleAscii(subject, spaces: true) || subject.Trim() != subject || subject.Contains(" via ", StringComparison.Ordinal))
        {
            throw new TokenRefusedException("token-subject", "`sub` is missing, or is not plain visible ASCII of at most 255 characters");
        }
        return new Actor(iss, subject, NameOf(claims, subject), KindOf(claims, issuer), GroupsOf(claims, issuer), EvidenceOf(claims, issuer), []);
    }

    /// <summary>Only for people to read, so a name that could deceive them is left out for the subject.</summary>
    private static string NameOf(JsonElement claims, string subject)
    {
        foreach (var claim in (string[])["name", "preferred_username"])
        {
            if (claims.TextOrNull(claim) is { Length: > 0 and <= 128 } name && name.Trim() == name && name.EnumerateRunes().All(IsPlain))
            {
                return name;
            }
        }
        return subject;
    }

    private static ActorKind KindOf(JsonElement claims, IssuerTerms issuer) => claims.Text(issuer.KindClaim) switch
    {
        null => issuer.DefaultKind,
        "person" => ActorKind.Person,
        "workload" => ActorKind.Workload,
        "ai-agent" => ActorKind.AiAgent,
        _ => throw new TokenRefusedException("token-claim", $"`{issuer.KindClaim}` must be person, workload or ai-agent"),
    };

    private static IReadOnlyList<string> GroupsOf(JsonElement claims, IssuerTerms issuer)
    {
        if (!claims.TryGetProperty(issuer.GroupsClaim, out var groups))
        {
            return [];
        }
        var listed = groups.ValueKind switch
        {
            JsonValueKind.String => [groups],
            JsonValueKind.Array when groups.GetArrayLength() <= MaxGroups => groups.EnumerateArray().ToList(),
            _ => throw BadGroups(),
        };
        return [.. listed.Select(g => g.ValueKind == JsonValueKind.String && g.GetString() is { Length: > 0 and <= MaxText } group &&
            group.EnumerateRunes().All(IsPlain) ? group : throw BadGroups()).Distinct(StringComparer.Ordinal)];

        TokenRefusedException BadGroups() => new("token-claim", $"`{issuer.GroupsClaim}` must be a list of at most {MaxGroups} group names");
    }

    private static Dictionary<string, string> EvidenceOf(JsonElement claims, IssuerTerms issuer)
    {
        var evidence = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var name in issuer.EvidenceClaims.Order(StringComparer.Ordinal))
        {
            if (!claims.TryGetProperty(name, out var value) || value.ValueKind == JsonValueKind.Null)
            {
                continue;
            }
            var text = value.ValueKind switch
            {
                JsonValueKind.String => value.GetString()!,
                JsonValueKind.Number or JsonValueKind.True or JsonValueKind.False => value.GetRawText(),
                _ => throw new TokenRefusedException("token-claim", $"`{name}` must be a text, a number or a truth value"),
            };
            // cut short it would be evidence of something else
            evidence[name] = text.Length <= MaxEvidence ? text : throw new TokenRefusedException("token-claim", $"`{name}` is too long");
        }
        return evidence;
    }

    /// <summary>The claim's text; null where it is absent. Another type is refused: a reader that coerced it would read another token.</summary>
    public static string? Text(this JsonElement claims, string name) =>
        !claims.TryGetProperty(name, out var value) ? null
        : value.ValueKind == JsonValueKind.String ? value.GetString()
        : throw new TokenRefusedException("token-claim", $"`{name}` must be a text");

    public static string? TextOrNull(this JsonElement claims, string name) =>
        claims.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;

    /// <summary>RFC 7519 NumericDate.</summary>
    public static DateTimeOffset? Time(this JsonElement claims, string name)
    {
        if (!claims.TryGetProperty(name, out var value))
        {
            return null;
        }
        if (value.ValueKind != JsonValueKind.Number || !value.TryGetDouble(out var seconds) || !(seconds is >= 0 and <= 253_402_300_000))
        {
            throw new TokenRefusedException("token-malformed", $"`{name}` is not a time in seconds");
        }
        return DateTimeOffset.UnixEpoch.AddSeconds(seconds);
    }

    private static bool IsVisibleAscii(string text, bool spaces) =>
        text.Length is >= 1 and <= 255 && text.All(c => c is > ' ' and <= '~' || (spaces && c == ' '));

    private static bool IsPlain(System.Text.Rune rune) => rune.Value != 0xFFFD && System.Text.Rune.GetUnicodeCategory(rune) is not (
        UnicodeCategory.Control or UnicodeCategory.Format or UnicodeCategory.Surrogate or UnicodeCategory.PrivateUse or UnicodeCategory.OtherNotAssigned or
        UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator);
}

/// <summary>Leaves the reading of a token at the first rule that it breaks; never leaves <see cref="TokenReader"/>.</summary>
internal sealed class TokenRefusedException(string code, string detail) : Exception(detail)
{
    public Refusal Refusal { get; } = new(code, detail);
}

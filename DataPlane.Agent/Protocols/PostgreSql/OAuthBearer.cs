using System.Buffers;
using System.Text.Json;
using AccessPlane.Contracts.Messages;

namespace AccessPlane.Agent.Protocols.PostgreSql;

/// <summary>
/// The server's side of OAUTHBEARER (RFC 7628), as clients of PostgreSQL 18 speak it: the token comes in the client's only message; a client that
/// has none yet sends it empty, and is told where it gets one. No socket inside.
/// </summary>
internal static class OAuthBearer
{
    public const string Mechanism = "OAUTHBEARER";

    /// <summary>All that a client may answer to a failure.</summary>
    public const string Acknowledged = "\u0001";

    private const char Separator = '\u0001';
    private const string Scheme = "Bearer";

    /// <summary>A user name that asks for this way to log in; behind the sign comes what any other login has for a name.</summary>
    private const string Name = "oauth";
    private static readonly SearchValues<char> TokenCharacters = SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~+/");

    /// <returns>The name of an entitlement or a grant, or one that means nothing; null where the user name does not ask for this way.</returns>
    public static string? NameIn(string user) =>
        user == Name ? user : user.StartsWith(Name + "+", StringComparison.Ordinal) ? user[(Name.Length + 1)..] : null;

    /// <returns>The token; empty where the client asks where to get one; null where the message is malformed.</returns>
    public static string? TokenIn(string message)
    {
        // no channel binding, whether or not the client could, and nobody else to act for
        if (!message.StartsWith($"n,,{Separator}", StringComparison.Ordinal) && !message.StartsWith($"y,,{Separator}", StringComparison.Ordinal))
        {
            return null;
        }
        string? token = null;
        var pairs = message[4..].Split(Separator);
        if (pairs.Length < 3 || pairs[^1].Length > 0 || pairs[^2].Length > 0)
        {
            return null;
        }
        foreach (var pair in pairs[..^2])
        {
            var at = pair.IndexOf('=', StringComparison.Ordinal);
            if (at < 1 || (pair[..at] == "auth" && token is not null))
            {
                return null;
            }
            if (pair[..at] == "auth" && (token = Credentials(pair[(at + 1)..])) is null)
            {
                return null;
            }
        }
        return token;
    }

    /// <summary>What a client is told whose token is none, or not there: where it gets one.</summary>
    public static byte[] Failure(IssuerTerms? issuer) => JsonSerializer.SerializeToUtf8Bytes(issuer is null
        ? new Dictionary<string, string> { ["status"] = "invalid_token" }
        : new Dictionary<string, string>
        {
            ["status"] = "invalid_token",
            ["scope"] = issuer.LoginScope ?? "openid",
            ["openid-configuration"] = issuer.Discovery(),
        });

    private static string? Credentials(string value)
    {
        if (value.Length == 0)
        {
            return value;
        }
        if (!value.StartsWith(Scheme + " ", StringComparison.OrdinalIgnoreCase))
        {
            return null;
        }
        var token = value[Scheme.Length..].TrimStart(' ');
        var padding = token.AsSpan().TrimEnd('=');
        return padding.Length > 0 && !padding.ContainsAnyExcept(TokenCharacters) ? token : null;
    }
}

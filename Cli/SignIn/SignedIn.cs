using System.Text.Json;

namespace AccessPlane.Cli.SignIn;

/// <summary>A person's sign-in, as it is kept on their machine.</summary>
/// <param name="Url">The control plane that it is for.</param>
/// <param name="RefreshToken">Null where the issuer gives none: then the sign-in ends with its access token.</param>
internal sealed record SignedIn(
    Uri Url, string Issuer, Uri TokenEndpoint, string ClientId, IReadOnlyDictionary<string, string> Parameters, string AccessToken, DateTimeOffset Until,
    string? RefreshToken)
{
    private static readonly string[] Names = ["name", "preferred_username", "sub"];

    // a record prints its members, and a secret has no business in a message
    public override string ToString() => $"{Issuer} at {Url}";

    /// <summary>Whose token it is, for people to read: what counts is what the control plane makes of it.</summary>
    public static string WhoseIs(string accessToken)
    {
        try
        {
            var payload = accessToken.Split('.')[1].Replace('-', '+').Replace('_', '/');
            var claims = JsonSerializer.Deserialize<JsonElement>(Convert.FromBase64String(payload.PadRight((payload.Length + 3) / 4 * 4, '=')));
            return Names.Select(c => claims.TryGetProperty(c, out var value) ? value.ToString() : null).FirstOrDefault(v => v is not null) ?? "somebody";
        }
        catch (Exception opaque) when (opaque is FormatException or JsonException or IndexOutOfRangeException)
        {
            return "somebody";
        }
    }
}

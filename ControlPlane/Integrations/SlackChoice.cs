using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using AccessPlane.Contracts;

namespace AccessPlane.ControlPlane.Integrations;

/// <summary>What a button stands for.</summary>
/// <param name="Kind">`request` or `hold`.</param>
/// <param name="Version">The terms that were shown.</param>
/// <param name="To">The destination that the message with it went to: several may share one app of Slack, and with it its secret.</param>
/// <param name="Seal">The operation that was shown.</param>
/// <param name="Mac">Proves that we made the button. Slack's signature proves a press alone: whoever can post to the channel could put our buttons under words of
/// their own.</param>
internal sealed record SlackChoice(string Kind, Guid Id, int Version, string To = "", string? Seal = null, string? Mac = null)
{
    /// <param name="secret">The signing secret of the destination.</param>
    public string ToText(string secret) => JsonSerializer.Serialize(this with { Mac = MacOf(secret) }, Json.Options);

    public bool IsOurs(string secret) => Mac is not null && CryptographicOperations.FixedTimeEquals(Encoding.UTF8.GetBytes(Mac), Encoding.UTF8.GetBytes(MacOf(secret)));

    private string MacOf(string secret) => Convert.ToHexStringLower(HMACSHA256.HashData(
        Encoding.UTF8.GetBytes(secret), Encoding.UTF8.GetBytes($"accessplane.choice.v2\n{To}\n{Kind}\n{Id:D}\n{Version.ToString(System.Globalization.CultureInfo.InvariantCulture)}\n{Seal}")));

    /// <summary>Null where it is none of ours.</summary>
    public static SlackChoice? Read(string? text)
    {
        try
        {
            return text is { Length: < 500 } && JsonSerializer.Deserialize<SlackChoice>(text, Json.Strict) is { Kind: "request" or "hold" } choice ? choice : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }
}

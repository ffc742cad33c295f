using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace AccessPlane.ControlPlane.Integrations;

/// <summary>`v0=` and HMAC-SHA256 in hex over `v0:timestamp:body`: https://api.slack.com/authentication/verifying-requests-from-slack.</summary>
internal static class SlackSignature
{
    public static readonly TimeSpan Window = TimeSpan.FromMinutes(5);

    public static string Sign(string secret, string timestamp, ReadOnlySpan<byte> body)
    {
        byte[] content = [.. Encoding.UTF8.GetBytes($"v0:{timestamp}:"), .. body];
        return $"v0={Convert.ToHexStringLower(HMACSHA256.HashData(Encoding.UTF8.GetBytes(secret), content))}";
    }

    /// <param name="timestamp">Seconds, as the header has it.</param>
    public static bool IsGood(string secret, string timestamp, ReadOnlySpan<byte> body, string signature, DateTimeOffset now) =>
        long.TryParse(timestamp, NumberStyles.None, CultureInfo.InvariantCulture, out var seconds) && seconds <= DateTimeOffset.MaxValue.ToUnixTimeSeconds() &&
        (now - DateTimeOffset.FromUnixTimeSeconds(seconds)).Duration() <= Window &&
        CryptographicOperations.FixedTimeEquals(Encoding.UTF8.GetBytes(Sign(secret, timestamp, body)), Encoding.UTF8.GetBytes(signature));
}

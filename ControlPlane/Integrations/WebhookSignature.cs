using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace AccessPlane.ControlPlane.Integrations;

/// <summary>Standard Webhooks 1.0: HMAC-SHA256 over `id.timestamp.body`, so that neither can be exchanged, nor a body be sent again as another one.</summary>
internal static class WebhookSignature
{
    public const string IdHeader = "webhook-id";
    public const string TimestampHeader = "webhook-timestamp";
    public const string SignatureHeader = "webhook-signature";
    private const string Prefix = "whsec_";
    private const int ShortestKey = 24, LongestKey = 64;

    /// <param name="id">Without full stops: they part what is signed.</param>
    /// <param name="secrets">One, or two while it is exchanged; the receiver takes any.</param>
    public static string Sign(string id, DateTimeOffset at, ReadOnlySpan<byte> body, IEnumerable<string> secrets)
    {
        byte[] content = [.. Encoding.ASCII.GetBytes($"{id}.{Timestamp(at)}."), .. body];
        return string.Join(' ', secrets.Select(secret => $"v1,{Convert.ToBase64String(HMACSHA256.HashData(KeyOf(secret), content))}"));
    }

    public static string Timestamp(DateTimeOffset at) => at.ToUnixTimeSeconds().ToString(CultureInfo.InvariantCulture);

    public static bool IsSecret(string text) => TryKey(text, out _);

    private static byte[] KeyOf(string secret) =>
        TryKey(secret, out var key) ? key : throw new IOException($"the secret is not `{Prefix}` and {ShortestKey} to {LongestKey} bytes in base64");

    private static bool TryKey(string text, [NotNullWhen(true)] out byte[]? key)
    {
        key = null;
        var buffer = new byte[text.Length];
        if (text.StartsWith(Prefix, StringComparison.Ordinal) && Convert.TryFromBase64String(text[Prefix.Length..], buffer, out var length) &&
            length is >= ShortestKey and <= LongestKey)
        {
            key = buffer[..length];
        }
        return key is not null;
    }
}

using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace AccessPlane.Contracts.Messages;

/// <summary>One key of the control plane follows another. Whoever believes a signing key can follow it, in both directions: both have signed this.</summary>
/// <param name="Use"><see cref="Signing"/> or <see cref="Encryption"/>.</param>
/// <param name="Generation">The first key is number 1.</param>
/// <param name="PublicKey">P-256, SubjectPublicKeyInfo, base64.</param>
/// <param name="Previous">Likewise, of the generation before.</param>
/// <param name="At">To the microsecond.</param>
/// <param name="SignedBy">The signing key that vouches for it: of a signing key the one before it.</param>
/// <param name="Signature">ECDSA P-256 by that key over <see cref="SignedBytes"/>, base64 (IEEE P1363 form).</param>
/// <param name="Acceptance">Of a signing key: by itself, over the same bytes.</param>
public sealed record KeyAnnouncement(
    string Use, int Generation, string PublicKey, string Previous, DateTimeOffset At, string SignedBy, string Signature, string? Acceptance)
{
    public const string Signing = "signing";
    public const string Encryption = "encryption";

    public byte[] SignedBytes() => Encoding.UTF8.GetBytes(
        $"accessplane.key.v1\n{Use}\n{Generation}\n{PublicKey}\n{Previous}\n{At.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.ffffff'Z'", CultureInfo.InvariantCulture)}\n{SignedBy}");

    /// <summary>Whether everyone who had to has signed it. That the keys are to be believed is another question.</summary>
    public bool IsWhole() =>
        Use is Signing or Encryption && (Use == Encryption || SignedBy == Previous) && Check(SignedBy, Signature) && (Use == Encryption || Check(PublicKey, Acceptance));

    private bool Check(string publicKey, string? signature)
    {
        try
        {
            using var key = ECDsa.Create();
            key.ImportSubjectPublicKeyInfo(Convert.FromBase64String(publicKey), out _);
            return signature is not null && Signatures.Check(key, SignedBytes(), signature);
        }
        catch (Exception malformed) when (malformed is CryptographicException or FormatException)
        {
            return false;
        }
    }
}

/// <summary>`keys`: all keys that the control plane ever announced, and the signing keys that must not be believed any more. Answers a question for a lease that
/// named another <see cref="Digest"/>.</summary>
public sealed record KeyRing(IReadOnlyList<KeyAnnouncement> Announced, IReadOnlyList<string> Retired)
{
    /// <summary>SHA-256, lower-case hex; empty of a ring in which nothing was ever announced.</summary>
    public string Digest() => Announced.Count == 0 ? "" : Convert.ToHexStringLower(SHA256.HashData(
        Encoding.UTF8.GetBytes(string.Join('\n', Announced.Select(a => a.Signature).Concat(Retired)))));
}

using System.Security.Cryptography;
using System.Text;

namespace AccessPlane.Contracts.Messages;

/// <summary>
/// A secret for one reader: ephemeral ECDH on P-256, HKDF-SHA-256, AES-256-GCM. The text is
/// <c>base64(ephemeral SubjectPublicKeyInfo) . base64(nonce + ciphertext + tag)</c>; the context is authenticated with it.
/// </summary>
public static class Sealed
{
    private const int NonceSize = 12;
    private const int TagSize = 16;

    public static string Seal(ECDiffieHellman reader, string secret, string context)
    {
        ArgumentNullException.ThrowIfNull(reader);
        using var ephemeral = ECDiffieHellman.Create(ECCurve.NamedCurves.nistP256);
        var plain = Encoding.UTF8.GetBytes(secret);
        var box = new byte[NonceSize + plain.Length + TagSize];
        RandomNumberGenerator.Fill(box.AsSpan(0, NonceSize));
        using var aes = new AesGcm(Key(ephemeral, reader, context), TagSize);
        aes.Encrypt(box.AsSpan(0, NonceSize), plain, box.AsSpan(NonceSize, plain.Length), box.AsSpan(NonceSize + plain.Length), Encoding.UTF8.GetBytes(context));
        return $"{Convert.ToBase64String(ephemeral.ExportSubjectPublicKeyInfo())}.{Convert.ToBase64String(box)}";
    }

    /// <summary>The secret; null where the text was not sealed for this reader in this context.</summary>
    public static string? Open(ECDiffieHellman reader, string text, string context)
    {
        ArgumentNullException.ThrowIfNull(reader);
        ArgumentNullException.ThrowIfNull(text);
        try
        {
            var parts = text.Split('.');
            if (parts.Length != 2)
            {
                return null;
            }
            using var ephemeral = ECDiffieHellman.Create();
            ephemeral.ImportSubjectPublicKeyInfo(Convert.FromBase64String(parts[0]), out _);
            var box = Convert.FromBase64String(parts[1]).AsSpan();
            if (box.Length < NonceSize + TagSize)
            {
                return null;
            }
            var plain = new byte[box.Length - NonceSize - TagSize];
            using var aes = new AesGcm(Key(reader, ephemeral, context), TagSize);
            aes.Decrypt(box[..NonceSize], box[NonceSize..^TagSize], box[^TagSize..], plain, Encoding.UTF8.GetBytes(context));
            return Encoding.UTF8.GetString(plain);
        }
        catch (Exception bad) when (bad is FormatException or CryptographicException)
        {
            return null;
        }
    }

    private static byte[] Key(ECDiffieHellman own, ECDiffieHellman other, string context)
    {
        using var theirs = other.PublicKey; // a copy outside of what the collector sees
        return HKDF.DeriveKey(HashAlgorithmName.SHA256, own.DeriveRawSecretAgreement(theirs), 32, info: Encoding.UTF8.GetBytes($"accessplane.sealed.v1\n{context}"));
    }
}

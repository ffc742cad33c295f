using System.Buffers.Text;
using System.Security.Cryptography;

namespace AccessPlane.Contracts.Identity;

/// <summary>What an issuer publishes of one of its keys, under the names of RFC 7517, and the tokens that it may have signed.</summary>
public sealed record PublishedKey(string? Kid, string? Kty, string? Use, string? Alg, string? Crv, string? N, string? E)
{
    private const int ShortestRsa = 2_048;

    /// <summary>The keys that a token could be signed with. One without a key id is taken only where there is no choice.</summary>
    /// <param name="published">What is published of a key.</param>
    public static List<TKey> Fitting<TKey>(IEnumerable<TKey> keys, Func<TKey, PublishedKey> published, string algorithm, string? keyId)
    {
        var fitting = keys.Where(k => published(k) is var key && (keyId is null || key.Kid == keyId) && key.Fits(algorithm)).ToList();
        return keyId is null && fitting.Count > 1 ? [] : fitting;
    }

    /// <summary>INVARIANT: the key's type is the algorithm's, whatever the token says: no RSA key is ever used as something else.</summary>
    public bool Fits(string algorithm) =>
        Use is null or "" or "sig" && (string.IsNullOrEmpty(Alg) || Alg == algorithm) && algorithm switch
        {
            ['R' or 'P', 'S', ..] => Kty == "RSA" && IsLongEnough(),
            "ES256" => (Kty, Crv) is ("EC", "P-256"),
            "ES384" => (Kty, Crv) is ("EC", "P-384"),
            "ES512" => (Kty, Crv) is ("EC", "P-521"),
            _ => false,
        };

    /// <summary>By the number itself: its text's length counts zeros at its beginning, and is not even to be had where it is no number.</summary>
    private bool IsLongEnough()
    {
        try
        {
            using var rsa = RSA.Create(new RSAParameters { Modulus = Base64Url.DecodeFromChars(N), Exponent = Base64Url.DecodeFromChars(E) });
            return rsa.KeySize >= ShortestRsa;
        }
        catch (Exception bad) when (bad is FormatException or CryptographicException or ArgumentException or IndexOutOfRangeException)
        {
            return false; // a broken key in the set must not spoil the others
        }
    }
}

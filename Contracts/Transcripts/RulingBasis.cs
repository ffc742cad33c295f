using System.Security.Cryptography;

namespace AccessPlane.Contracts.Transcripts;

/// <summary>
/// What rulings are based on stands in the transcript once a session, in entries of the kinds `facts` and `scope`, and under a name that anyone can
/// check: statements only name it.
/// </summary>
public static class RulingBasis
{
    /// <summary>The first 32 hex digits of the SHA-256 of the JSON's bytes: half of it, and still nobody can find two for one name.</summary>
    public static string HashOf(ReadOnlySpan<byte> json)
    {
        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(json, hash);
        return Convert.ToHexStringLower(hash[..16]);
    }
}

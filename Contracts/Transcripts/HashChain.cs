using System.Buffers;
using System.Security.Cryptography;
using System.Text;

namespace AccessPlane.Contracts.Transcripts;

/// <summary>
/// The chain over a session's entries: <c>head(0) = SHA-256("accessplane.transcript.v1\n" + session id)</c>,
/// <c>head(n) = SHA-256(head(n-1) + bytes of entry n)</c>, where the bytes are the entry's line without its hash and without the line feed.
/// In an exported transcript each line ends with <c>,"hash":"…"}</c>; taking that off again gives the bytes.
/// </summary>
public static class HashChain
{
    public const int Size = 32;

    public static byte[] Begin(Guid session) => SHA256.HashData(Encoding.UTF8.GetBytes($"accessplane.transcript.v1\n{session:D}"));

    /// <summary>Advances <paramref name="head"/> in place over one entry. Allocates nothing.</summary>
    public static void Advance(Span<byte> head, ReadOnlySpan<byte> entry)
    {
        // one-shot over a pooled copy: an incremental hash would allocate its context for every entry
        var joined = ArrayPool<byte>.Shared.Rent(Size + entry.Length);
        head[..Size].CopyTo(joined);
        entry.CopyTo(joined.AsSpan(Size));
        SHA256.HashData(joined.AsSpan(0, Size + entry.Length), head);
        ArrayPool<byte>.Shared.Return(joined);
    }

    /// <summary>The line of an exported transcript: the entry with its hash as the last member.</summary>
    public static string Export(string entry, ReadOnlySpan<byte> head) => $"{entry.AsSpan(0, entry.Length - 1)},\"hash\":\"{Convert.ToHexStringLower(head)}\"}}";
}

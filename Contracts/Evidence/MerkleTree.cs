using System.Security.Cryptography;
using System.Text;

namespace AccessPlane.Contracts.Evidence;

/// <summary>
/// A Merkle tree of RFC 6962 §2.1 over SHA-256: a leaf is <c>SHA-256(0x00 + bytes)</c>, a node <c>SHA-256(0x01 + left + right)</c>, so that neither can
/// pass for the other. The root of nothing is the hash of nothing.
/// </summary>
public sealed class MerkleTree
{
    public const int HashSize = SHA256.HashSizeInBytes;

    /// <summary>From the leaves up to the one hash above all of them.</summary>
    private readonly List<IReadOnlyList<byte[]>> levels;

    /// <param name="leaves">Hashes of leaves, in order.</param>
    public MerkleTree(IReadOnlyList<byte[]> leaves)
    {
        ArgumentNullException.ThrowIfNull(leaves);
        levels = [leaves];
        while (levels[^1].Count > 1)
        {
            levels.Add(Above(levels[^1]));
        }
    }

    public byte[] Root => levels[^1].Count == 0 ? SHA256.HashData([]) : levels[^1][0];

    /// <param name="text">The leaf's bytes are its UTF-8.</param>
    public static byte[] Leaf(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        var bytes = new byte[1 + Encoding.UTF8.GetByteCount(text)];
        Encoding.UTF8.GetBytes(text, bytes.AsSpan(1));
        return SHA256.HashData(bytes);
    }

    public static byte[] Node(ReadOnlySpan<byte> left, ReadOnlySpan<byte> right)
    {
        Span<byte> bytes = stackalloc byte[1 + (2 * HashSize)];
        bytes[0] = 1;
        left.CopyTo(bytes[1..]);
        right.CopyTo(bytes[(1 + HashSize)..]);
        return SHA256.HashData(bytes);
    }

    /// <summary>The hashes that lead from a leaf to the root, the lowest first (RFC 6962 §2.1.1).</summary>
    public IReadOnlyList<byte[]> Path(int index)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)index, (uint)levels[0].Count, nameof(index));
        var path = new List<byte[]>();
        foreach (var level in levels)
        {
            if ((index ^ 1) < level.Count)
            {
                path.Add(level[index ^ 1]);
            }
            index /= 2;
        }
        return path;
    }

    /// <summary>One without a neighbour goes up as it is: the same tree as the RFC's split at the largest power of two.</summary>
    private static byte[][] Above(IReadOnlyList<byte[]> level)
    {
        var above = new byte[(level.Count + 1) / 2][];
        for (var i = 0; i < above.Length; i++)
        {
            above[i] = (2 * i) + 1 < level.Count ? Node(level[2 * i], level[(2 * i) + 1]) : level[2 * i];
        }
        return above;
    }
}

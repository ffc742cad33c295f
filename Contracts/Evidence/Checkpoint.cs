using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace AccessPlane.Contracts.Evidence;

/// <param name="Size">How many leaves.</param>
/// <param name="Root">Lower-case hex.</param>
public sealed record TreeHead(long Size, string Root)
{
    public static TreeHead Of(IReadOnlyList<byte[]> leaves)
    {
        ArgumentNullException.ThrowIfNull(leaves);
        return new TreeHead(leaves.Count, Convert.ToHexStringLower(new MerkleTree(leaves).Root));
    }

    public static TreeHead Of(IEnumerable<string> leaves) => Of([.. leaves.Select(MerkleTree.Leaf)]);
}

/// <summary>
/// What the control plane held at a moment, signed: whoever keeps it can tell later whether anything from before it was changed or taken away.
/// Checkpoints are numbered from 1 without holes. Each names the hashes of the one before it and of one further back, so that a chain of years is
/// walked in a few hundred steps.
/// </summary>
/// <param name="At">By the control plane's clock, to the microsecond.</param>
/// <param name="Previous">The <see cref="Hash"/> of the checkpoint before; <see cref="None"/> for the first.</param>
/// <param name="Skip">That of the checkpoint <see cref="SkipOf"/>.</param>
/// <param name="Tip">The log's position up to which it speaks.</param>
/// <param name="Events">The log's events behind the tip of the checkpoint before, up to this one's, by position.</param>
/// <param name="Sessions">The <see cref="SessionHead"/> of every session that there is, by its id.</param>
/// <param name="Changed">Those of them that are new or other than in the checkpoint before, by id.</param>
/// <param name="Counts">A <see cref="SessionCount"/> for every agent and resource, by agent and resource.</param>
/// <param name="Key">The control plane's ECDSA P-256 key, SubjectPublicKeyInfo, base64.</param>
/// <param name="Signature">By that key over <see cref="SignedBytes"/>, base64 (IEEE P1363 form).</param>
public sealed record Checkpoint(
    long Number, DateTimeOffset At, string Previous, string Skip, long Tip, TreeHead Events, TreeHead Sessions, TreeHead Changed, TreeHead Counts,
    string Key, string Signature)
{
    public static string None { get; } = new('0', 2 * MerkleTree.HashSize);

    /// <summary>Which checkpoint a number skips back to: the number without its lowest bit; 0: none.</summary>
    public static long SkipOf(long number) => number & (number - 1);

    /// <summary>The checkpoints by which one comes from the first number down to the second, both included.</summary>
    public static IEnumerable<long> PathDown(long from, long to)
    {
        for (var at = from; at > to; at = SkipOf(at) >= to ? SkipOf(at) : at - 1)
        {
            yield return at;
        }
        yield return to;
    }

    public byte[] SignedBytes() => Encoding.UTF8.GetBytes(
        $"accessplane.checkpoint.v1\n{Number}\n{At.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.ffffff'Z'", CultureInfo.InvariantCulture)}\n{Previous}\n{Skip}\n{Tip}\n" +
        $"{Line(Events)}\n{Line(Sessions)}\n{Line(Changed)}\n{Line(Counts)}\n{Key}");

    /// <summary>SHA-256 of <see cref="SignedBytes"/>, lower-case hex.</summary>
    public string Hash() => Convert.ToHexStringLower(SHA256.HashData(SignedBytes()));

    private static string Line(TreeHead tree) => $"{tree.Size} {tree.Root}";
}

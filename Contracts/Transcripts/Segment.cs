using System.Security.Cryptography;
using System.Text;
using AccessPlane.Contracts.Messages;

namespace AccessPlane.Contracts.Transcripts;

/// <summary>A run of a session's entries, sealed with the agent's key. Segments of a session are numbered from 1 without holes.</summary>
/// <param name="PreviousHead">The chain's head before the first entry, lower-case hex.</param>
/// <param name="Head">The chain's head after the last entry.</param>
/// <param name="Final">The session's last: it holds the `end` entry.</param>
/// <param name="Entries">The entries' canonical bytes, each followed by a line feed.</param>
/// <param name="Signature">ECDSA P-256 over <see cref="SignedBytes"/>, base64 (IEEE P1363 form).</param>
public sealed record Segment(
    Guid Session, string Agent, int Number, long FirstSeq, long LastSeq, string PreviousHead, string Head, bool Final, string Entries, string Signature)
{
    public byte[] SignedBytes() => Encoding.UTF8.GetBytes(
        $"accessplane.segment.v1\n{Session:D}\n{Agent}\n{Number}\n{FirstSeq}\n{LastSeq}\n{PreviousHead}\n{Head}\n{(Final ? 1 : 0)}");

    public Segment SignWith(ECDsa key) => this with { Signature = Signatures.Sign(key, SignedBytes()) };

    public bool IsSignedBy(ECDsa key) => Signatures.Check(key, SignedBytes(), Signature);

    /// <summary>What does not check out, or null: signature, count, and the chain recomputed over the entries.</summary>
    public string? WhyInvalid(ECDsa agentKey)
    {
        if (!IsSignedBy(agentKey))
        {
            return "the signature is not the agent's";
        }
        if (PreviousHead.Length != 2 * HashChain.Size)
        {
            return "the previous head is malformed";
        }
        var head = Convert.FromHexString(PreviousHead);
        long count = 0;
        foreach (var line in Lines(Entries))
        {
            HashChain.Advance(head, Encoding.UTF8.GetBytes(line));
            count++;
        }
        if (count != LastSeq - FirstSeq + 1)
        {
            return $"it holds {count} entries where {FirstSeq} to {LastSeq} were promised";
        }
        return Convert.ToHexStringLower(head) == Head ? null : "the chain's head does not follow from the entries";
    }

    /// <summary>The entries of a segment, without their line feeds.</summary>
    public static IEnumerable<string> Lines(string entries)
    {
        ArgumentNullException.ThrowIfNull(entries);
        for (int at = 0, end; at < entries.Length; at = end + 1)
        {
            end = entries.IndexOf('\n', at);
            if (end < 0)
            {
                end = entries.Length;
            }
            yield return entries[at..end];
        }
    }
}

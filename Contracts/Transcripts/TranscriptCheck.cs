using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace AccessPlane.Contracts.Transcripts;

/// <summary>
/// Whether a transcript, as the API gave it, is what its agent signed: every entry hashes to what the next one builds on, and every segment's head is the chain's
/// and carries the agent's signature. Who does not believe this server does the same with infra/verify-transcript.
/// </summary>
/// <param name="Wrong">The first thing that does not check out; null where all does.</param>
/// <param name="Ended">The session's last segment is there: nothing can follow.</param>
public sealed record TranscriptCheck(int Entries, int Segments, string Head, bool Ended, string? Wrong)
{
    private const string Hash = ",\"hash\":\"";

    /// <param name="lines">Of `GET /v1/sessions/{id}/transcript`.</param>
    /// <param name="keys">The agent's public keys, SubjectPublicKeyInfo in base64, each behind the one that it followed.</param>
    public static TranscriptCheck Of(Guid session, IReadOnlyList<string> lines, IReadOnlyList<SealedSegment> segments, IEnumerable<string> keys)
    {
        ArgumentNullException.ThrowIfNull(lines);
        ArgumentNullException.ThrowIfNull(segments);
        var head = HashChain.Begin(session);
        var heads = new List<string> { Convert.ToHexStringLower(head) };
        string? wrong = null;
        foreach (var line in lines)
        {
            var at = line.LastIndexOf(Hash, StringComparison.Ordinal);
            if (at < 0)
            {
                wrong = Say($"entry {heads.Count} has no hash");
                break;
            }
            HashChain.Advance(head, Encoding.UTF8.GetBytes(line[..at] + "}"));
            heads.Add(Convert.ToHexStringLower(head));
            if (line[(at + Hash.Length)..] != $"{heads[^1]}\"}}")
            {
                wrong = Say($"entry {heads.Count - 1} is not what it was when it was chained");
                break;
            }
        }
        wrong ??= Signed(session, segments, heads, [.. keys]);
        return new TranscriptCheck(heads.Count - 1, segments.Count, heads[^1], segments.Any(s => s.Final), wrong);
    }

    private static string? Signed(Guid session, IReadOnlyList<SealedSegment> segments, List<string> heads, List<string> keys)
    {
        long next = 1;
        var newest = 0;
        foreach (var (s, number) in segments.Select((s, i) => (s, i + 1)))
        {
            var sealedBy = new Segment(s.Session, s.Agent, s.Number, s.FirstSeq, s.LastSeq, s.PreviousHead, s.Head, s.Final, "", s.Signature);
            if (s.Session != session || s.Number != number || s.FirstSeq != next || s.LastSeq >= heads.Count)
            {
                return Say($"segment {number} does not follow the one before it");
            }
            if (heads[(int)s.FirstSeq - 1] != s.PreviousHead || heads[(int)s.LastSeq] != s.Head)
            {
                return Say($"segment {number} was signed over other entries");
            }
            var signer = keys.FindIndex(k => IsSignedBy(sealedBy, k));
            if (signer < newest)
            {
                return signer < 0 ? Say($"segment {number} is not signed by its agent") : Say($"segment {number} is signed with a key that another one had followed");
            }
            (newest, next) = (signer, s.LastSeq + 1);
        }
        return next == heads.Count ? null : Say($"entries from {next} on are in no signed segment");
    }

    private static bool IsSignedBy(Segment segment, string key)
    {
        using var agent = ECDsa.Create();
        agent.ImportSubjectPublicKeyInfo(Convert.FromBase64String(key), out _);
        return segment.IsSignedBy(agent);
    }

    private static string Say(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}

/// <summary>A <see cref="Segment"/> as the API tells of it: what its agent signed, without the entries.</summary>
public sealed record SealedSegment(
    Guid Session, string Agent, int Number, long FirstSeq, long LastSeq, string PreviousHead, string Head, bool Final, string Signature);

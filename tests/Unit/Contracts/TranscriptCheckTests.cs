using System.Security.Cryptography;
using System.Text;
using AccessPlane.Contracts.Transcripts;
using Xunit;

namespace AccessPlane.Tests.Unit.Contracts;

public sealed class TranscriptCheckTests : IDisposable
{
    private static readonly Guid Session = new(7, 0, 0, new byte[8]);
    private readonly ECDsa agent = ECDsa.Create(ECCurve.NamedCurves.nistP256);
    private readonly List<string> lines = [];
    private readonly List<SealedSegment> segments = [];

    public TranscriptCheckTests()
    {
        var head = HashChain.Begin(Session);
        foreach (var (count, number) in ((int, int)[])[(2, 1), (3, 2)])
        {
            var before = Convert.ToHexStringLower(head);
            var first = lines.Count + 1;
            for (var i = 0; i < count; i++)
            {
                var entry = $"{{\"seq\":{lines.Count + 1},\"text\":\"select ',\\\"hash\\\":\\\"x'\"}}";
                HashChain.Advance(head, Encoding.UTF8.GetBytes(entry));
                lines.Add(HashChain.Export(entry, head));
            }
            var segment = new Segment(Session, "a", number, first, lines.Count, before, Convert.ToHexStringLower(head), number == 2, "", "").SignWith(agent);
            segments.Add(new SealedSegment(Session, "a", number, first, lines.Count, segment.PreviousHead, segment.Head, segment.Final, segment.Signature));
        }
    }

    public void Dispose() => agent.Dispose();

    private TranscriptCheck Check(ECDsa? key = null) => TranscriptCheck.Of(Session, lines, segments, [Convert.ToBase64String((key ?? agent).ExportSubjectPublicKeyInfo())]);

    [Fact]
    public void What_was_signed_checks_out() => Assert.Equal((5, 2, true, null), Check() is var c ? (c.Entries, c.Segments, c.Ended, c.Wrong) : default);

    [Fact]
    public void Another_sessions_chain_is_not_this_ones() =>
        Assert.Contains("entry 1 is not what it was", TranscriptCheck.Of(Guid.Empty, lines, segments, []).Wrong, StringComparison.Ordinal);

    [Fact]
    public void Whatever_is_changed_is_named()
    {
        using var other = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        Assert.Contains("segment 1 is not signed", Check(other).Wrong, StringComparison.Ordinal);

        var last = segments[1];
        segments[1] = last with { Head = segments[0].Head };
        Assert.Contains("segment 2 was signed over other entries", Check().Wrong, StringComparison.Ordinal);
        segments[1] = last;

        segments.RemoveAt(1);
        Assert.Contains("entries from 3 on are in no signed segment", Check().Wrong, StringComparison.Ordinal);
        segments.Add(last);

        lines[3] = lines[3].Replace("select", "SELECT", StringComparison.Ordinal);
        Assert.Contains("entry 4 is not what it was", Check().Wrong, StringComparison.Ordinal);

        lines.RemoveRange(3, 2);
        Assert.Contains("segment 2 does not follow", Check().Wrong, StringComparison.Ordinal);
    }
}

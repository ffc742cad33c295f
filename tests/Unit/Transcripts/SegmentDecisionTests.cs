using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using AccessPlane.Contracts;
using AccessPlane.Contracts.Events;
using AccessPlane.Contracts.Identity;
using AccessPlane.Contracts.Transcripts;
using AccessPlane.ControlPlane.Sessions;
using Xunit;

namespace AccessPlane.Tests.Unit.Transcripts;

public sealed class SegmentDecisionTests : IDisposable
{
    private static readonly Guid Id = new("0199aaaa-0000-7000-8000-000000000001");
    private static readonly DateTimeOffset At = new(2026, 1, 31, 12, 0, 0, TimeSpan.Zero);
    private static readonly Actor Holder = new("https://idp", "engineer", "engineer", ActorKind.Person, [], new Dictionary<string, string>(), []);
    private static readonly TranscriptEntry Start = new(1, At, "start", new SessionStart(
        Id, Guid.Empty, "orders-read", "orders", "a", 7, Holder, "orders", "127.0.0.1:5", "psql", "token", 3, "15.4"));

    private readonly ECDsa key = ECDsa.Create(ECCurve.NamedCurves.nistP256);

    public void Dispose() => key.Dispose();

    private static TranscriptEntry Statement(long seq) => new(seq, At.AddSeconds(seq), "statement", Op: seq, Text: "select 1");

    private static TranscriptEntry End(long seq, string cause) => new(seq, At.AddSeconds(seq), "end", Cause: cause, CutMicros: cause == "revoked" ? 12_000 : null);

    private Segment Of(int number, string previousHead, bool final, params TranscriptEntry[] entries) =>
        OfLines(number, previousHead, final, entries[0].Seq, [.. entries.Select(e => JsonSerializer.Serialize(e, Json.Options))]);

    private Segment OfLines(int number, string previousHead, bool final, long firstSeq, params string[] lines)
    {
        var head = Convert.FromHexString(previousHead);
        foreach (var line in lines)
        {
            HashChain.Advance(head, Encoding.UTF8.GetBytes(line));
        }
        return new Segment(
            Id, "a", number, firstSeq, firstSeq + lines.Length - 1, previousHead, Convert.ToHexStringLower(head), final, string.Join('\n', lines) + "\n", "").SignWith(key);
    }

    private Segment First(params TranscriptEntry[] more) => Of(1, Convert.ToHexStringLower(HashChain.Begin(Id)), more is [.., { Kind: "end" }], [Start, .. more]);

    private Session After(params Segment[] segments)
    {
        var state = Session.Initial;
        foreach (var segment in segments)
        {
            var taken = SegmentDecision.Decide(state, segment, key);
            Assert.Null(taken.Refused);
            state = taken.Events.Aggregate(state, Session.Evolve);
        }
        return state;
    }

    private void IsRefused(string kind, Session state, Segment segment)
    {
        var decision = SegmentDecision.Decide(state, segment, key);
        Assert.NotNull(decision.Refused);
        var finding = Assert.IsType<EvidenceGapFound>(Assert.Single(decision.Events));
        Assert.Equal(kind, finding.Kind);
    }

    [Fact]
    public void The_first_segment_opens_the_session_and_keeps_the_exact_bytes()
    {
        var segment = First(Statement(2));
        var events = SegmentDecision.Decide(Session.Initial, segment, key).Events;
        var opened = Assert.IsType<SessionOpened>(events[0]);
        Assert.Equal((7, "orders", At), (opened.Number, opened.Resource, opened.StartedAt));
        Assert.Equal(segment.Entries, Assert.IsType<TranscriptRecorded>(events[1]).Entries);
    }

    [Theory]
    [InlineData("closed", typeof(SessionClosed))]
    [InlineData("lost", typeof(SessionLost))]
    [InlineData("revoked", typeof(SessionTerminated))]
    [InlineData("spool", typeof(SessionTerminated))]
    public void The_end_entry_ends_the_session_as_it_says(string cause, Type expected)
    {
        var first = First(Statement(2));
        var last = SegmentDecision.Decide(After(first), Of(2, first.Head, true, Statement(3), End(4, cause)), key).Events[^1];
        Assert.IsType(expected, last);
        if (last is SessionTerminated { Cause: "revoked" } terminated)
        {
            Assert.Equal(TimeSpan.FromMilliseconds(12), terminated.CutLatency);
        }
        if (last is SessionLost lost)
        {
            Assert.Equal(At.AddSeconds(3), lost.LastKnownAt);
        }
    }

    [Fact]
    public void A_last_segment_without_an_end_is_a_finding_and_a_lost_session()
    {
        var first = First(Statement(2));
        var events = SegmentDecision.Decide(After(first), Of(2, first.Head, true, Statement(3)), key).Events;
        Assert.Equal(["EvidenceGapFound", "TranscriptRecorded", "SessionLost"], events.Select(e => e.GetType().Name));
    }

    [Fact]
    public void A_segment_that_was_changed_on_the_way_is_refused_and_recorded() =>
        IsRefused("segment-invalid", Session.Initial, First(Statement(2)) with { Entries = "{}\n{}\n" });

    [Fact]
    public void A_segment_signed_by_another_key_is_refused()
    {
        using var other = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        IsRefused("segment-invalid", Session.Initial, First(Statement(2)).SignWith(other));
    }

    [Fact]
    public void A_session_cannot_begin_in_the_middle()
    {
        var first = First(Statement(2));
        IsRefused("start-missing", Session.Initial, Of(2, first.Head, false, Statement(3)));
        IsRefused("start-missing", Session.Initial, Of(1, Convert.ToHexStringLower(HashChain.Begin(Id)), false, Statement(1)));
    }

    [Fact]
    public void A_segment_that_skips_others_is_kept_and_the_hole_is_recorded()
    {
        var first = First(Statement(2));
        var lost = Of(2, first.Head, false, Statement(3));
        var events = SegmentDecision.Decide(After(first), Of(3, lost.Head, false, Statement(4)), key).Events;
        Assert.Equal("segments-missing", Assert.IsType<EvidenceGapFound>(events[0]).Kind);
        Assert.IsType<TranscriptRecorded>(events[1]);
    }

    [Fact]
    public void A_segment_that_tells_the_past_otherwise_is_refused()
    {
        var first = First(Statement(2));
        var other = First(Statement(2), Statement(3));
        IsRefused("segment-forked", After(first), Of(2, other.Head, false, Statement(3)));
        IsRefused("segment-forked", After(first), Of(2, first.Head, false, Statement(2)));
    }

    [Fact]
    public void Nothing_comes_after_the_end()
    {
        var all = First(Statement(2), End(3, "closed"));
        IsRefused("after-end", After(all), Of(2, all.Head, false, Statement(4)));
    }

    [Fact]
    public void Another_agent_cannot_add_to_a_session()
    {
        var first = First(Statement(2));
        IsRefused("segment-of-another", After(first), (Of(2, first.Head, false, Statement(3)) with { Agent = "b" }).SignWith(key));
    }

    [Theory]
    [InlineData("a\\u0000b")]
    [InlineData("\\ud800")]
    [InlineData("\", \"rows\": 1e400000, \"tag\": \"")]
    public void An_entry_that_no_table_can_keep_is_refused_before_it_stops_every_reader(string inside)
    {
        var first = First(Statement(2));
        var poisoned = $$"""{"seq":3,"at":"2026-01-31T12:00:00.000000Z","kind":"statement","op":9,"protocol":"simple","text":"{{inside}}","effect":"allow","policy":1}""";
        IsRefused("entry-unreadable", After(first), OfLines(2, first.Head, false, 3, poisoned));
    }

    [Fact]
    public void An_entry_under_a_wrong_number_is_refused()
    {
        var first = First(Statement(2));
        IsRefused("entry-unreadable", After(first), (Of(2, first.Head, false, Statement(9)) with { FirstSeq = 3, LastSeq = 3 }).SignWith(key));
    }
}

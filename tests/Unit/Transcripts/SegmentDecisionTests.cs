using System.Security.Cryptography;
using System.Text.Json;
using AccessPlane.Contracts;
using AccessPlane.Contracts.Events;
using AccessPlane.Contracts.Policy;
using AccessPlane.Contracts.Transcripts;
using AccessPlane.ControlPlane.Sessions;
using Xunit;
using static AccessPlane.Tests.Unit.Transcripts.SegmentWriter;

namespace AccessPlane.Tests.Unit.Transcripts;

/// <summary>What the control plane makes of a part of a transcript: whether it is what the agent wrote, and goes on where the one before it ended.</summary>
public sealed class SegmentDecisionTests : IDisposable
{
    private readonly SegmentWriter agent = new();

    public void Dispose() => agent.Dispose();

    private Session After(params Segment[] segments)
    {
        var state = Session.Initial;
        foreach (var segment in segments)
        {
            var taken = SegmentDecision.Decide(state, segment, agent.Key, Ground);
            Assert.Null(taken.Refused);
            state = taken.Events.Aggregate(state, Session.Evolve);
        }
        return state;
    }

    private void IsRefused(string kind, Session state, Segment segment)
    {
        var decision = SegmentDecision.Decide(state, segment, agent.Key, Ground);
        Assert.NotNull(decision.Refused);
        var finding = Assert.IsType<EvidenceGapFound>(Assert.Single(decision.Events));
        Assert.Equal(kind, finding.Kind);
    }

    [Fact]
    public void What_detectors_found_is_an_event_of_its_own_before_the_end_and_what_says_too_little_is_none()
    {
        TranscriptEntry found = new(3, At.AddSeconds(3), "detected", Op: 2, Rule: "pii", Detector: Detector.PaymentCard, Column: "note", Count: 4);
        var decision = SegmentDecision.Decide(
            Session.Initial, agent.First(Statement(2), found, found with { Seq = 4, Count = null }, found with { Seq = 5, Rule = null }, End(6, "closed")), agent.Key, Ground);
        Assert.Null(decision.Refused);
        Assert.Equal(
            [new DetectorHit(Id, 2, "pii", Detector.PaymentCard, "note", 4), new DetectorHit(Id, 2, "pii", Detector.PaymentCard, "note", 1)],
            decision.Events.OfType<DetectorHit>());
        Assert.IsType<SessionClosed>(decision.Events[^1]);
    }

    [Fact]
    public void The_first_segment_opens_the_session_and_keeps_the_exact_bytes()
    {
        var segment = agent.First(Statement(2));
        var events = SegmentDecision.Decide(Session.Initial, segment, agent.Key, Ground).Events;
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
        var first = agent.First(Statement(2));
        var last = SegmentDecision.Decide(After(first), agent.Of(2, first.Head, true, Statement(3), End(4, cause)), agent.Key, Ground).Events[^1];
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
        var first = agent.First(Statement(2));
        var events = SegmentDecision.Decide(After(first), agent.Of(2, first.Head, true, Statement(3)), agent.Key, Ground).Events;
        Assert.Equal(["EvidenceGapFound", "TranscriptRecorded", "SessionLost"], events.Select(e => e.GetType().Name));
    }

    [Fact]
    public void A_segment_that_was_changed_on_the_way_is_refused_and_recorded() =>
        IsRefused("segment-invalid", Session.Initial, agent.First(Statement(2)) with { Entries = "{}\n{}\n" });

    [Fact]
    public void A_segment_signed_by_another_key_is_refused()
    {
        using var other = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        IsRefused("segment-invalid", Session.Initial, agent.First(Statement(2)).SignWith(other));
    }

    [Fact]
    public void A_session_cannot_begin_in_the_middle()
    {
        var first = agent.First(Statement(2));
        IsRefused("start-missing", Session.Initial, agent.Of(2, first.Head, false, Statement(3)));
        IsRefused("start-missing", Session.Initial, agent.Of(1, Beginning, false, Statement(1)));
    }

    [Fact]
    public void A_segment_that_skips_others_is_kept_and_the_hole_is_recorded()
    {
        var first = agent.First(Statement(2));
        var lost = agent.Of(2, first.Head, false, Statement(3));
        var events = SegmentDecision.Decide(After(first), agent.Of(3, lost.Head, false, Statement(4)), agent.Key, Ground).Events;
        Assert.Equal("segments-missing", Assert.IsType<EvidenceGapFound>(events[0]).Kind);
        Assert.IsType<TranscriptRecorded>(events[1]);
    }

    [Fact]
    public void A_segment_that_tells_the_past_otherwise_is_refused()
    {
        var first = agent.First(Statement(2));
        var other = agent.First(Statement(2), Statement(3));
        IsRefused("segment-forked", After(first), agent.Of(2, other.Head, false, Statement(3)));
        IsRefused("segment-forked", After(first), agent.Of(2, first.Head, false, Statement(2)));
    }

    [Fact]
    public void Nothing_comes_after_the_end()
    {
        var all = agent.First(Statement(2), End(3, "closed"));
        IsRefused("after-end", After(all), agent.Of(2, all.Head, false, Statement(4)));
    }

    [Fact]
    public void Another_agent_cannot_add_to_a_session()
    {
        var first = agent.First(Statement(2));
        IsRefused("segment-of-another", After(first), (agent.Of(2, first.Head, false, Statement(3)) with { Agent = "b" }).SignWith(agent.Key));
    }

    [Fact]
    public void A_null_where_there_may_be_none_is_refused_as_unreadable()
    {
        var line = JsonSerializer.Serialize(Start, Json.Options).Replace("\"login\":\"token\"", "\"login\":null", StringComparison.Ordinal);
        Assert.Contains("null", line, StringComparison.Ordinal);
        IsRefused("entry-unreadable", Session.Initial, agent.OfLines(1, Beginning, false, 1, line));
    }

    [Theory]
    [InlineData("a\\u0000b")]
    [InlineData("\\ud800")]
    [InlineData("\", \"rows\": 1e400000, \"tag\": \"")]
    public void An_entry_that_no_table_can_keep_is_refused_before_it_stops_every_reader(string inside)
    {
        var first = agent.First(Statement(2));
        var poisoned = $$"""{"seq":3,"at":"2026-01-31T12:00:00.000000Z","kind":"statement","op":9,"protocol":"simple","text":"{{inside}}","effect":"allow","policy":1}""";
        IsRefused("entry-unreadable", After(first), agent.OfLines(2, first.Head, false, 3, poisoned));
    }

    [Fact]
    public void An_entry_under_a_wrong_number_is_refused()
    {
        var first = agent.First(Statement(2));
        IsRefused("entry-unreadable", After(first), (agent.Of(2, first.Head, false, Statement(9)) with { FirstSeq = 3, LastSeq = 3 }).SignWith(agent.Key));
    }
}

using System.Security.Cryptography;
using System.Text.Json;
using AccessPlane.Contracts;
using AccessPlane.Contracts.Events;
using AccessPlane.Contracts.Transcripts;

namespace AccessPlane.ControlPlane.Sessions;

/// <param name="Events">What is recorded, of a refused segment too.</param>
/// <param name="Refused">Why the segment will never be taken; null when it was.</param>
public sealed record SegmentDecision(IReadOnlyList<IEvent> Events, string? Refused)
{
    /// <summary>Pure: what becomes of a segment whose number was not taken yet.</summary>
    /// <param name="ground">What the log says of the grant that the session's first entry names; needed where the session is not known yet.</param>
    public static SegmentDecision Decide(Session state, Segment segment, ECDsa agentKey, SessionGround ground)
    {
        ArgumentNullException.ThrowIfNull(segment);
        if (segment.WhyInvalid(agentKey) is { } invalid)
        {
            return Refuse(segment, "segment-invalid", invalid);
        }
        if (Parse(segment) is not { Count: > 0 } entries)
        {
            return Refuse(segment, "entry-unreadable", "an entry cannot be read, or is not the one its number promises");
        }
        return state switch
        {
            Session.None => First(segment, entries, ground),
            Session.Known known when known.Opened.Agent != segment.Agent => Refuse(segment, "segment-of-another", "the session belongs to another agent"),
            Session.Over => Refuse(segment, "after-end", "the session's end is recorded already"),
            Session.Known known => Next(known, segment, entries),
            _ => throw new InvalidOperationException($"no segment can come to a session that is {state?.Name}"),
        };
    }

    /// <summary>The grant that a session's first segment names; null where it names none.</summary>
    public static Guid? GrantOf(Segment segment)
    {
        ArgumentNullException.ThrowIfNull(segment);
        return Segment.Lines(segment.Entries).FirstOrDefault() is { } line && Read(line)?.Start is { } start ? start.Grant : null;
    }

    private static SegmentDecision First(Segment segment, List<TranscriptEntry> entries, SessionGround ground)
    {
        if (segment is not { Number: 1, FirstSeq: 1 } || segment.PreviousHead != Convert.ToHexStringLower(HashChain.Begin(segment.Session)))
        {
            return Refuse(segment, "start-missing", "the session's beginning is not in the log");
        }
        if (entries[0] is not { Kind: "start", Start: { } start } || start.Session != segment.Session || start.Agent != segment.Agent)
        {
            return Refuse(segment, "start-missing", "the first entry does not open this session of this agent");
        }
        ArgumentNullException.ThrowIfNull(ground);
        if (ground.WhyNot(start, entries[0].At) is { } groundless)
        {
            return Refuse(segment, "session-groundless", groundless);
        }
        var opened = new SessionOpened(
            start.Session, start.Grant, start.Resource, start.Agent, ground.Issued!.Holder, start.Database, start.Client, start.Application, entries[0].At,
            start.Number, start.Policy, start.Entitlement, start.DatabaseLogin, start.Previous);
        // it happened, and is kept; that it may have seen what it should not is a fact of its own
        IReadOnlyList<IEvent> unmasked = ground.WhatIsUnmasked(start) is { } what
            ? [new EvidenceGapFound(segment.Agent, "session-unmasked", $"session {segment.Session}: {what}")]
            : [];
        return new SegmentDecision([opened, .. unmasked, .. Recorded(segment, entries)], null);
    }

    private static SegmentDecision Next(Session.Known known, Segment segment, List<TranscriptEntry> entries)
    {
        if (segment.Number == known.LastNumber + 1 && segment.FirstSeq == known.LastSeq + 1 && segment.PreviousHead == known.Head)
        {
            return new SegmentDecision(Recorded(segment, entries), null);
        }
        if (segment.FirstSeq <= known.LastSeq || segment.Number == known.LastNumber + 1)
        {
            return Refuse(segment, "segment-forked", $"it does not continue the chain after entry {known.LastSeq}");
        }
        // what is missing stays missing, visibly; what is here is genuine and is kept
        var gap = new EvidenceGapFound(
            segment.Agent, "segments-missing",
            $"session {segment.Session}: segments {known.LastNumber + 1} to {segment.Number - 1} (entries {known.LastSeq + 1} to {segment.FirstSeq - 1}) never arrived");
        return new SegmentDecision([gap, .. Recorded(segment, entries)], null);
    }

    private static IReadOnlyList<IEvent> Recorded(Segment segment, List<TranscriptEntry> entries)
    {
        var recorded = new TranscriptRecorded(
            segment.Session, segment.Agent, segment.Number, segment.FirstSeq, segment.LastSeq, segment.PreviousHead, segment.Head, segment.Final,
            segment.Entries, segment.Signature);
        var hits = entries.Where(e => e is { Kind: "detected", Op: not null, Rule: not null, Detector: not null, Column: not null }).Select(e =>
            new DetectorHit(segment.Session, e.Op!.Value, e.Rule!, e.Detector!.Value, e.Column!, e.Count ?? 1));
        if (!segment.Final)
        {
            return [recorded, .. hits];
        }
        var last = entries[^1];
        return (last.Kind, last.Cause) switch
        {
            ("end", "closed") => [recorded, .. hits, new SessionClosed(last.At, "closed")],
            ("end", "lost") => [recorded, .. hits, new SessionLost(entries.Count > 1 ? entries[^2].At : last.At)],
            ("end", { } cause) => [recorded, .. hits, new SessionTerminated(last.At, cause, last.CutMicros is { } micros ? TimeSpan.FromMicroseconds(micros) : null)],
            _ => [new EvidenceGapFound(segment.Agent, "end-missing", $"session {segment.Session}: its last entry is no end"), recorded, .. hits, new SessionLost(last.At)],
        };
    }

    /// <summary>Null where an entry cannot be read: it would stop every reader of the log.</summary>
    private static List<TranscriptEntry>? Parse(Segment segment)
    {
        var entries = new List<TranscriptEntry>();
        foreach (var line in Segment.Lines(segment.Entries))
        {
            if (Read(line) is not { } entry || entry.Seq != segment.FirstSeq + entries.Count)
            {
                return null;
            }
            entries.Add(entry);
        }
        return entries;
    }

    private static TranscriptEntry? Read(string line)
    {
        try
        {
            return StorableText.CanKeep(line) ? JsonSerializer.Deserialize<TranscriptEntry>(line, Json.Untrusted) : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }

    private static SegmentDecision Refuse(Segment segment, string kind, string why) =>
        new([new EvidenceGapFound(segment.Agent, kind, $"session {segment.Session}, segment {segment.Number}: {why}")], why);
}

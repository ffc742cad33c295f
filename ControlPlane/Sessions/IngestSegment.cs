using System.Collections.Concurrent;
using System.Security.Cryptography;
using AccessPlane.Contracts;
using AccessPlane.Contracts.Events;
using AccessPlane.Contracts.Identity;
using AccessPlane.Contracts.Messages;
using AccessPlane.Contracts.Transcripts;
using AccessPlane.ControlPlane.Agents;
using AccessPlane.ControlPlane.EventStore;

namespace AccessPlane.ControlPlane.Sessions;

/// <summary>What became of a segment.</summary>
/// <param name="Refused">Why the log will never hold it; null where it does.</param>
/// <param name="Position">Where.</param>
public sealed record Ingested(string? Refused, long Position)
{
    /// <summary>The log does not hold it, and may: it has to come again.</summary>
    public static Ingested NotYet { get; } = new(null, 0);

    public static Ingested Never(string why) => new(why, 0);
}

/// <summary>
/// Takes a segment of a transcript into the log: exactly once, only if it is the agent's and whole. What does not check out is a recorded finding.
/// Segments come often, and long sessions have many: the state of live sessions is kept in memory, the log's expected version keeps it honest.
/// </summary>
public sealed class IngestSegment(EventLog log, AgentStateBuilder agents, RecordFinding findings, TimeProvider clock)
{
    private const int Kept = 10_000;
    private static readonly SessionGround Groundless = new([], [], TimeSpan.Zero);
    private readonly ConcurrentDictionary<Guid, Head> heads = [];
    private readonly ConcurrentDictionary<(Guid Session, int Number), bool> early = [];

    /// <param name="agentKey">The key under which the agent enrolled.</param>
    public async Task<Ingested> Handle(Segment segment, ECDsa agentKey, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(segment);
        if (segment.Session.Version != 7)
        {
            // INVARIANT: other streams have ids that everyone can tell before they begin (a grant's follows from its request's). Who could write
            // a finding under such an id would keep the stream from ever beginning.
            await findings.Handle(segment.Agent, new EvidenceGap(segment.Session, "segment-invalid", "this is not the id of a session"), cancel);
            return Ingested.Never("this is not the id of a session");
        }
        var head = heads.TryGetValue(segment.Session, out var kept) ? kept : await Load(segment.Session, Head.None, cancel);
        while (true)
        {
            if (head.State is Session.Known taken && segment.Number <= taken.LastNumber)
            {
                return await Again(segment, head.Last, cancel);
            }
            if (IsAhead(segment, head))
            {
                // those between may have come to another replica, and this one and later ones too
                var known = await Load(segment.Session, head, cancel);
                if (known.Version != head.Version)
                {
                    head = known;
                    continue;
                }
                if (MayBePreceded(segment))
                {
                    return Ingested.NotYet;
                }
            }
            var decided = SegmentDecision.Decide(head.State, segment, agentKey, head.State is Session.None ? await Ground(segment, cancel) : Groundless);
            var appended = await log.Append(
                new Append(
                    [new StreamAppend(segment.Session, Session.StreamType, head.Version, decided.Events)], Context(segment.Agent),
                    Ids.Derive(segment.Session, decided.Refused is null ? $"segment/{segment.Number}" : $"refused/{segment.Number}/{segment.Head}")),
                cancel);
            switch (appended)
            {
                case Appended.Done done:
                    var ingested = new Ingested(decided.Refused, done.Position);
                    Keep(segment.Session, new Head(
                        decided.Events.Aggregate(head.State, Session.Evolve), head.Version + decided.Events.Count, decided.Refused is null ? new Taken(segment, ingested) : head.Last));
                    return ingested;
                case Appended.Repeated when decided.Refused is { } refused:
                    return Ingested.Never(refused);
                default:
                    // another replica, or a reader's own event, was first
                    head = await Load(segment.Session, head, cancel);
                    continue;
            }
        }
    }

    /// <summary>A segment with a number that was taken: the same one is fine, another one under its number is a finding.</summary>
    /// <param name="last">The last one that was taken here: agents send that again, while they wait for word of it, and hardly ever another.</param>
    private async Task<Ingested> Again(Segment segment, Taken? last, CancellationToken cancel)
    {
        if (last is not null && last.IsOf(segment))
        {
            return last.Was;
        }
        var stored = await log.ReadStreamWithoutEntries(segment.Session, 0, cancel);
        var at = stored.FirstOrDefault(s => s.Event is TranscriptRecorded t && t.Number == segment.Number);
        var before = at?.Event as TranscriptRecorded;
        if (before is not null && before.Head == segment.Head && before.PreviousHead == segment.PreviousHead && before.Final == segment.Final)
        {
            return new Ingested(null, at!.Position);
        }
        var why = before is null ? "it came after later ones, when it was missing already" : "the log holds another segment under this number";
        var version = stored[^1].Version;
        await log.Append(
            new Append(
                [new StreamAppend(segment.Session, Session.StreamType, version, [new EvidenceGapFound(segment.Agent, "segment-forked", $"segment {segment.Number}: {why}")])],
                Context(segment.Agent), Ids.Derive(segment.Session, $"refused/{segment.Number}/{segment.Head}")),
            cancel);
        heads.TryRemove(segment.Session, out _);
        return Ingested.Never(why);
    }

    /// <summary>What the log says of the session's beginning.</summary>
    private async Task<SessionGround> Ground(Segment segment, CancellationToken cancel)
    {
        if (SegmentDecision.GrantOf(segment) is not { } grant)
        {
            return Groundless;
        }
        var known = await agents.Current(cancel);
        var serves = known.Agents.GetValueOrDefault(segment.Agent)?.Resources ?? [];
        var unheard = serves.Select(r => known.Policy.Model.Resource(r)?.FreezeAfter ?? TimeSpan.Zero).DefaultIfEmpty().Max();
        return new SessionGround(serves, await log.ReadStream(grant, cancel), unheard) { Policy = known.Policy, Now = clock.GetUtcNow() };
    }

    private async Task<Head> Load(Guid session, Head from, CancellationToken cancel)
    {
        var stored = await log.ReadStreamWithoutEntries(session, from.Version, cancel);
        return new Head(stored.Aggregate(from.State, (state, s) => Session.Evolve(state, s.Event)), stored.Count == 0 ? from.Version : stored[^1].Version, from.Last);
    }

    private void Keep(Guid session, Head head)
    {
        if (heads.Count >= Kept)
        {
            heads.Clear();
        }
        heads[session] = head;
    }

    private static bool IsAhead(Segment segment, Head head) => head.State is Session.Known known && segment.Number > known.LastNumber + 1;

    /// <summary>
    /// Whether those that are missing before it may still come: where the log was set back, what was under way in the broker comes before what its agent
    /// sends again. Agents send what is not acknowledged again after a while: who has nothing to put before it says the same once more.
    /// </summary>
    private bool MayBePreceded(Segment segment)
    {
        if (early.Count >= Kept)
        {
            early.Clear();
        }
        return early.TryAdd((segment.Session, segment.Number), true);
    }

    private EventContext Context(string agent) => new(Actor.System($"agent {agent}"), Guid.CreateVersion7(clock.GetUtcNow()));

    /// <param name="Last">The last segment that was taken here.</param>
    private sealed record Head(Session State, long Version, Taken? Last)
    {
        public static Head None { get; } = new(Session.Initial, 0, null);
    }

    private sealed class Taken(Segment segment, Ingested was)
    {
        private readonly (int Number, string Head, string PreviousHead, bool Final) what = (segment.Number, segment.Head, segment.PreviousHead, segment.Final);

        public Ingested Was => was;

        public bool IsOf(Segment other) => what == (other.Number, other.Head, other.PreviousHead, other.Final);
    }
}

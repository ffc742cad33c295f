using System.Security.Cryptography;
using AccessPlane.Agent.Recording;
using AccessPlane.Contracts;
using AccessPlane.Contracts.Events;
using AccessPlane.Contracts.Identity;
using AccessPlane.Contracts.Policy;
using AccessPlane.Contracts.Transcripts;
using AccessPlane.ControlPlane.Agents;
using AccessPlane.ControlPlane.EventStore;
using AccessPlane.ControlPlane.Sessions;
using AccessPlane.Tests.Integration.Agents;
using Xunit;

namespace AccessPlane.Tests.Integration.Sessions;

/// <summary>From an agent's spool into a real log.</summary>
public sealed class IngestTests(TestDatabase database) : IClassFixture<TestDatabase>, IAsyncLifetime
{
    private static readonly Guid Grant = Guid.CreateVersion7();
    private readonly StateFolder state = new();
    private readonly ECDsa key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
    private readonly AgentStateBuilder agents = new(database.Tail, new ControlPlane.Http.TrustedIssuers([]));
    private IngestSegment ingest = null!;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    private IngestSegment Replica() => new(database.Log, agents, new RecordFinding(database.Handle, TimeProvider.System), TimeProvider.System);

    /// <summary>The agent and the grant that all sessions here are about; whichever test comes first finds them missing.</summary>
    public async ValueTask InitializeAsync()
    {
        ingest = Replica();
        var (now, holder) = (TimeProvider.System.GetUtcNow(), SpoolTests.Start(Guid.Empty, 0).Holder);
        await Append(Ids.Agent("a"), "agent", new AgentInvited("a", ["orders"], "", now, Actor.System("test")), new AgentEnrolled("a", ["orders"], "", []));
        await Append(Grant, "grant",
            new GrantIssued(Grant, Guid.CreateVersion7(), holder, "orders-read", "orders", Scope.Any, TimeSpan.FromHours(1), now.AddHours(1), 1, TokenLogin.WorkloadsOnly, 3),
            new GrantActivated(now, now.AddHours(1), Scope.Any, 1, TokenLogin.WorkloadsOnly, 3));
    }

    public ValueTask DisposeAsync()
    {
        agents.Dispose();
        key.Dispose();
        state.Dispose();
        return ValueTask.CompletedTask;
    }

    private Task<Appended> Append(Guid stream, string type, params IEvent[] events) =>
        database.Log.Append(new Append([new StreamAppend(stream, type, 0, events)], new EventContext(Actor.System("test"), Guid.CreateVersion7())), Cancel);

    /// <summary>A session's segments as its agent would send them: one for the start, one for each statement, one for the end.</summary>
    private List<Segment> Recorded(int statements, string cause = "closed", string text = "select 1", Guid? id = null, Guid? grant = null)
    {
        using var spool = new Spool(state.File($"{Guid.CreateVersion7():N}"), SpoolLimits.Standard, ControlPlaneKey.Wrap, TimeProvider.System);
        var session = id ?? Guid.CreateVersion7();
        using var recorder = spool.Begin(session, number => SpoolTests.Start(session, number) with { Grant = grant ?? Grant }, Evidence.Buffered, why => Assert.Fail(why));
        var file = spool.Files.Single();
        file.Seal("a", key);
        for (var i = 0; i < statements; i++)
        {
            recorder.Statement("simple", System.Text.Encoding.UTF8.GetBytes(text), default, SpoolTests.Select, SpoolTests.Allowed);
            file.Seal("a", key);
        }
        recorder.End(cause, null, null);
        file.Seal("a", key);
        var segments = new List<Segment>();
        while (file.Oldest() is { } part)
        {
            segments.Add(file.Read(part, "a"));
            spool.Accept(session, part.Number);
        }
        return segments;
    }

    private async Task<List<string>> EventsOf(Segment segment) =>
        [.. (await database.Log.ReadStream(segment.Session, Cancel)).Select(s => EventNames.Of(s.Event))];

    [Fact]
    public async Task Of_a_long_session_any_segment_is_known_again_to_whoever_never_saw_it_and_its_transcript_is_whole()
    {
        var segments = Recorded(70);
        var positions = new List<long>();
        foreach (var segment in segments)
        {
            positions.Add((await ingest.Handle(segment, key, Cancel)).Position);
        }
        Assert.Equal(positions.Order(), positions);
        foreach (var number in (int[])[0, 35, segments.Count - 1])
        {
            // who took it, who has just begun and has to ask the log, and again
            foreach (var replica in (IngestSegment[])[ingest, Replica(), ingest])
            {
                var again = await replica.Handle(segments[number], key, Cancel);
                Assert.Null(again.Refused);
                Assert.InRange(again.Position, positions[number] - 1, positions[number]); // the session's end stands behind its last part
            }
        }
        var read = new List<TranscriptRecorded>();
        await foreach (var part in new SessionStreams(database.Log, database.Pulse, TimeProvider.System).Segments(segments[0].Session, null, Cancel))
        {
            read.Add(part);
        }
        Assert.Equal(segments.Select(s => (s.Number, s.Entries)), read.Select(r => (r.Number, r.Entries)));
    }

    [Fact]
    public async Task Two_control_planes_that_get_a_sessions_segments_in_turn_take_each_at_once()
    {
        IngestSegment[] replicas = [Replica(), Replica()];
        var segments = Recorded(20);
        for (var i = 0; i < segments.Count; i++)
        {
            Assert.True((await replicas[i % 2].Handle(segments[i], key, Cancel)) is { Refused: null, Position: > 0 }, $"segment {i + 1} has to come again");
        }
        Assert.DoesNotContain("evidence_gap_found", await EventsOf(segments[0]));
    }

    [Fact]
    public async Task One_that_comes_again_to_a_control_plane_which_knows_of_none_that_others_took_since_is_what_the_log_holds()
    {
        var (one, other) = (Replica(), Replica());
        var segments = Recorded(6);
        Assert.Null((await one.Handle(segments[0], key, Cancel)).Refused);
        foreach (var segment in segments.Skip(1))
        {
            Assert.Null((await other.Handle(segment, key, Cancel)).Refused);
        }
        Assert.True((await one.Handle(segments[3], key, Cancel)) is { Refused: null, Position: > 0 });
        Assert.DoesNotContain("evidence_gap_found", await EventsOf(segments[0]));
    }

    [Fact]
    public async Task Segments_that_are_delivered_twice_are_in_the_log_once()
    {
        var segments = Recorded(2);
        foreach (var segment in segments.SelectMany(s => new[] { s, s }).Concat(segments))
        {
            Assert.Null((await ingest.Handle(segment, key, Cancel)).Refused);
        }
        Assert.Equal(
            ["session_opened", "transcript_recorded", "transcript_recorded", "transcript_recorded", "transcript_recorded", "session_closed"],
            await EventsOf(segments[0]));
        FaultReport.Saw($"{segments.Count} parts delivered 3 times each: {(await EventsOf(segments[0])).Count(e => e == "transcript_recorded")} in the log");
    }

    [Fact]
    public async Task One_segment_that_arrives_at_many_replicas_at_once_is_in_the_log_once()
    {
        var segments = Recorded(0, "revoked");
        foreach (var segment in segments)
        {
            var replicas = Enumerable.Range(0, 8).Select(_ => Replica());
            Assert.All(await Task.WhenAll(replicas.Select(r => r.Handle(segment, key, Cancel))), i => Assert.Null(i.Refused));
        }
        Assert.Equal(["session_opened", "transcript_recorded", "transcript_recorded", "session_terminated"], await EventsOf(segments[0]));
    }

    [Fact]
    public async Task Who_reads_a_transcript_meanwhile_does_not_disturb_it()
    {
        var segments = Recorded(2);
        foreach (var segment in segments)
        {
            Assert.Null((await ingest.Handle(segment, key, Cancel)).Refused);
            var version = (await database.Log.ReadStream(segment.Session, Cancel))[^1].Version;
            var read = new TranscriptRead(segment.Session, Actor.System("auditor"), false);
            await database.Log.Append(
                new Append([new StreamAppend(segment.Session, Session.StreamType, version, [read])], new EventContext(read.Reader, Guid.CreateVersion7())), Cancel);
        }
        Assert.Equal(4, (await EventsOf(segments[0])).Count(e => e == "transcript_recorded"));
    }

    [Fact]
    public async Task A_forged_segment_leaves_a_finding_and_the_true_one_is_still_taken()
    {
        using var stranger = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var segments = Recorded(1);
        Assert.Null((await ingest.Handle(segments[0], key, Cancel)).Refused);
        var forged = (segments[1] with { Entries = segments[1].Entries.Replace("select 1", "select 2", StringComparison.Ordinal) }).SignWith(stranger);
        Assert.NotNull((await ingest.Handle(forged, key, Cancel)).Refused);
        Assert.NotNull((await ingest.Handle(forged, key, Cancel)).Refused);
        Assert.Null((await ingest.Handle(segments[1], key, Cancel)).Refused);
        Assert.Equal(["session_opened", "transcript_recorded", "evidence_gap_found", "transcript_recorded"], await EventsOf(segments[0]));
    }

    [Fact]
    public async Task A_session_out_of_a_grant_that_was_never_given_is_a_finding_and_no_session()
    {
        var segments = Recorded(1, grant: Guid.CreateVersion7());
        Assert.Contains("there is no grant", (await ingest.Handle(segments[0], key, Cancel)).Refused, StringComparison.Ordinal);
        Assert.NotNull((await ingest.Handle(segments[1], key, Cancel)).Refused);
        Assert.Equal(["evidence_gap_found", "evidence_gap_found"], await EventsOf(segments[0]));
    }

    [Fact]
    public async Task The_id_of_something_that_is_still_to_come_is_no_sessions()
    {
        var grantToCome = ControlPlane.AccessRequests.SubmitRequest.GrantOf(Guid.CreateVersion7());
        var segments = Recorded(0, id: grantToCome);
        Assert.Contains("not the id of a session", (await ingest.Handle(segments[0], key, Cancel)).Refused, StringComparison.Ordinal);
        Assert.Empty(await database.Log.ReadStream(grantToCome, Cancel)); // whoever writes there first would keep the grant from being given
        var found = (await database.Log.ReadStream(Ids.Agent("a"), Cancel)).Select(s => s.Event).OfType<EvidenceGapFound>();
        Assert.Contains(found, f => f.Detail.Contains($"{grantToCome:D}", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Another_history_under_a_number_that_was_taken_is_a_finding()
    {
        var segments = Recorded(2);
        foreach (var segment in segments)
        {
            Assert.Null((await ingest.Handle(segment, key, Cancel)).Refused);
        }
        var other = (segments[1] with { Head = segments[0].Head }).SignWith(key);
        Assert.NotNull((await ingest.Handle(other, key, Cancel)).Refused);
        Assert.Equal("evidence_gap_found", (await EventsOf(segments[0]))[^1]);
    }

    /// <summary>Behind a log that was set back, the broker has what its agent sent last, and the agent sends what came before that once more.</summary>
    [Fact]
    public async Task What_comes_before_what_precedes_it_is_taken_when_it_comes_again_and_nothing_is_missing()
    {
        var segments = Recorded(2);
        foreach (var number in (int[])[0, 3, 2, 1, 2, 3])
        {
            Assert.Null((await ingest.Handle(segments[number], key, Cancel)).Refused);
        }
        Assert.Equal(["session_opened", "transcript_recorded", "transcript_recorded", "transcript_recorded", "transcript_recorded", "session_closed"], await EventsOf(segments[0]));
    }

    [Fact]
    public async Task What_is_missing_stays_missing_visibly_even_if_it_comes_later()
    {
        var segments = Recorded(2);
        Assert.Null((await ingest.Handle(segments[0], key, Cancel)).Refused);
        Assert.Equal(Ingested.NotYet, await ingest.Handle(segments[2], key, Cancel));
        Assert.Null((await ingest.Handle(segments[2], key, Cancel)).Refused);
        Assert.NotNull((await ingest.Handle(segments[1], key, Cancel)).Refused);
        Assert.Null((await ingest.Handle(segments[3], key, Cancel)).Refused);
        Assert.Equal(
            ["session_opened", "transcript_recorded", "evidence_gap_found", "transcript_recorded", "evidence_gap_found", "transcript_recorded", "session_closed"],
            await EventsOf(segments[0]));
    }

    [Fact]
    public async Task The_log_gives_back_the_exact_bytes_whatever_was_typed()
    {
        var segments = Recorded(1, text: "select '\u2028 é \\u0000 \"quoted\" \t', $$\r\n$$, '😀'");
        foreach (var segment in segments)
        {
            Assert.Null((await ingest.Handle(segment, key, Cancel)).Refused);
        }
        var stored = (await database.Log.ReadStream(segments[0].Session, Cancel)).Select(s => s.Event).OfType<TranscriptRecorded>().ToList();
        Assert.Equal(segments.Select(s => s.Entries), stored.Select(s => s.Entries));
        Assert.All(stored, s => Assert.Null(new Segment(
            s.Session, s.Agent, s.Number, s.FirstSeq, s.LastSeq, s.PreviousHead, s.Head, s.Final, s.Entries, s.Signature).WhyInvalid(key)));
    }

    [Fact]
    public async Task A_follower_sees_the_segments_as_they_come_and_stops_at_the_last()
    {
        var segments = Recorded(1);
        var streams = new SessionStreams(database.Log, database.Pulse, TimeProvider.System);
        Assert.Null((await ingest.Handle(segments[0], key, Cancel)).Refused);
        var seen = new List<int>();
        await foreach (var recorded in streams.Segments(segments[0].Session, DateTimeOffset.MaxValue, Cancel))
        {
            seen.Add(recorded.Number);
            if (recorded.Number < segments.Count)
            {
                Assert.Null((await ingest.Handle(segments[recorded.Number], key, Cancel)).Refused);
            }
        }
        Assert.Equal([1, 2, 3], seen);
    }
}

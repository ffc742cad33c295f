using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using AccessPlane.Contracts;
using AccessPlane.Contracts.Events;
using AccessPlane.Contracts.Identity;
using AccessPlane.Contracts.Policy;
using AccessPlane.Contracts.Transcripts;
using AccessPlane.ControlPlane.Sessions;
using Xunit;

namespace AccessPlane.Tests.Unit.Transcripts;

public sealed class SegmentDecisionTests : IDisposable
{
    private static readonly Guid Id = new("0199aaaa-0000-7000-8000-000000000001");
    private static readonly DateTimeOffset At = new(2026, 1, 31, 12, 0, 0, TimeSpan.Zero);
    private static readonly Actor Holder = new("https://idp", "engineer", "engineer", ActorKind.Person, [], new Dictionary<string, string>(), []);
    private static readonly Guid Grant = new("0199aaaa-0000-5000-8000-000000000002");
    private static readonly TranscriptEntry Start = new(1, At, "start", new SessionStart(
        Id, Grant, "orders-read", "orders", "a", 7, Holder, "orders", "127.0.0.1:5", "psql", "token", 3, "15.4"));

    private static readonly SessionGround Ground = new(["orders"], Given(
        (-5, new GrantIssued(Grant, Guid.Empty, Holder, "orders-read", "orders", Scope.Any, TimeSpan.FromHours(1), At, 1, TokenLogin.WorkloadsOnly, 3)),
        (-5, new GrantActivated(At.AddMinutes(-5), At.AddMinutes(55), Scope.Any, 1, TokenLogin.WorkloadsOnly, 3)),
        (-4, new TicketIssued("t_1", "a", "", 1, At, "orders"))), TimeSpan.Zero);

    private readonly ECDsa key = ECDsa.Create(ECCurve.NamedCurves.nistP256);

    public void Dispose() => key.Dispose();

    /// <summary>A grant's stream: events and the minute of each.</summary>
    private static List<Stored> Given(params (double Minute, IEvent Event)[] events) =>
        [.. events.Select((e, i) => new Stored(i + 1, Grant, i + 1, Guid.Empty, At.AddMinutes(e.Minute), new EventContext(Holder, Guid.Empty), e.Event))];

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
            var taken = SegmentDecision.Decide(state, segment, key, Ground);
            Assert.Null(taken.Refused);
            state = taken.Events.Aggregate(state, Session.Evolve);
        }
        return state;
    }

    private void IsRefused(string kind, Session state, Segment segment)
    {
        var decision = SegmentDecision.Decide(state, segment, key, Ground);
        Assert.NotNull(decision.Refused);
        var finding = Assert.IsType<EvidenceGapFound>(Assert.Single(decision.Events));
        Assert.Equal(kind, finding.Kind);
    }

    [Fact]
    public void What_detectors_found_is_an_event_of_its_own_before_the_end_and_what_says_too_little_is_none()
    {
        TranscriptEntry found = new(3, At.AddSeconds(3), "detected", Op: 2, Rule: "pii", Detector: Detector.PaymentCard, Column: "note", Count: 4);
        var decision = SegmentDecision.Decide(
            Session.Initial, First(Statement(2), found, found with { Seq = 4, Count = null }, found with { Seq = 5, Rule = null }, End(6, "closed")), key, Ground);
        Assert.Null(decision.Refused);
        Assert.Equal(
            [new DetectorHit(Id, 2, "pii", Detector.PaymentCard, "note", 4), new DetectorHit(Id, 2, "pii", Detector.PaymentCard, "note", 1)],
            decision.Events.OfType<DetectorHit>());
        Assert.IsType<SessionClosed>(decision.Events[^1]);
    }

    [Fact]
    public void The_first_segment_opens_the_session_and_keeps_the_exact_bytes()
    {
        var segment = First(Statement(2));
        var events = SegmentDecision.Decide(Session.Initial, segment, key, Ground).Events;
        var opened = Assert.IsType<SessionOpened>(events[0]);
        Assert.Equal((7, "orders", At), (opened.Number, opened.Resource, opened.StartedAt));
        Assert.Equal(segment.Entries, Assert.IsType<TranscriptRecorded>(events[1]).Entries);
    }

    [Fact]
    public void The_session_keeps_which_login_it_had_at_the_database()
    {
        var login = new SessionLogin("accessplane_s_1", "accessplane_m_1", ["cards"], []);
        var segment = Of(1, Convert.ToHexStringLower(HashChain.Begin(Id)), false, Start with { Start = Start.Start! with { DatabaseLogin = login } });
        var opened = Assert.IsType<SessionOpened>(SegmentDecision.Decide(Session.Initial, segment, key, Ground).Events[0]);
        Assert.Equal(("accessplane_s_1", "cards"), (opened.DatabaseLogin!.Role, Assert.Single(opened.DatabaseLogin.MaskedBy)));
    }

    [Theory]
    [InlineData(MaskingMode.Server, 3, null, "the agent's own login")]
    [InlineData(MaskingMode.Server, 3, "names", "hide columns by `cards`")]
    [InlineData(MaskingMode.Server, 3, "names cards", null)]
    [InlineData(MaskingMode.Server, 4, null, null)]
    [InlineData(MaskingMode.Wire, 3, null, null)]
    public void A_session_that_the_database_hid_nothing_from_is_kept_and_found(MaskingMode masking, long version, string? maskedBy, string? found)
    {
        MaskRule Rule(string id, Who? unless = null) => new(id, "orders", [$"customers.{id}"], [], MaskWith.Redact, unless, Inference.Refuse);
        var terms = new ResourceTerms("orders", "postgresql", TimeSpan.FromSeconds(10), TimeSpan.FromMinutes(5), Evidence.Buffered) { Masking = masking };
        var model = new PolicyModel([terms], [], PeopleDirectory.Empty) { Masks = [Rule("cards"), Rule("salaries", Who.Nobody with { Subjects = [Holder.Key] })] };
        var login = maskedBy is null ? null : new SessionLogin("accessplane_s_1", "accessplane_m_1", maskedBy.Split(' '), ["salaries"]);
        var segment = Of(1, Convert.ToHexStringLower(HashChain.Begin(Id)), false, Start with { Start = Start.Start! with { DatabaseLogin = login } });
        var decision = SegmentDecision.Decide(Session.Initial, segment, key, Ground with { Policy = new PublishedPolicy(version, "", model) });
        Assert.Null(decision.Refused);
        Assert.Single(decision.Events.OfType<TranscriptRecorded>());
        Assert.IsType<Session.Open>(decision.Events.Aggregate(Session.Initial, Session.Evolve));
        var finding = decision.Events.OfType<EvidenceGapFound>().SingleOrDefault();
        Assert.Equal(found is null, finding is null);
        Assert.Contains(found ?? "", finding?.Detail ?? "", StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("closed", typeof(SessionClosed))]
    [InlineData("lost", typeof(SessionLost))]
    [InlineData("revoked", typeof(SessionTerminated))]
    [InlineData("spool", typeof(SessionTerminated))]
    public void The_end_entry_ends_the_session_as_it_says(string cause, Type expected)
    {
        var first = First(Statement(2));
        var last = SegmentDecision.Decide(After(first), Of(2, first.Head, true, Statement(3), End(4, cause)), key, Ground).Events[^1];
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
        var events = SegmentDecision.Decide(After(first), Of(2, first.Head, true, Statement(3)), key, Ground).Events;
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
        var events = SegmentDecision.Decide(After(first), Of(3, lost.Head, false, Statement(4)), key, Ground).Events;
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

    /// <summary>What the first segment of this start is refused for; null where the session begins.</summary>
    private string? WhyNot(SessionStart start, SessionGround? ground = null, DateTimeOffset? at = null)
    {
        var segment = Of(1, Convert.ToHexStringLower(HashChain.Begin(Id)), false, Start with { Start = start, At = at ?? At });
        Assert.Equal(start.Grant, SegmentDecision.GrantOf(segment));
        var decision = SegmentDecision.Decide(Session.Initial, segment, key, ground ?? Ground);
        Assert.Equal(decision.Refused is null ? ["SessionOpened", "TranscriptRecorded"] : ["EvidenceGapFound"], decision.Events.Select(e => e.GetType().Name));
        return decision.Refused;
    }

    [Fact]
    public void An_agent_cannot_make_a_session_out_of_a_grant_that_is_not_there_or_not_like_that()
    {
        var start = Start.Start!;
        Assert.Null(WhyNot(start));
        Assert.Null(WhyNot(start with { Login = "ticket t_1" }));
        Assert.Contains("no grant", WhyNot(start, Ground with { Grant = [] }), StringComparison.Ordinal);
        Assert.Contains("does not serve", WhyNot(start, Ground with { Serves = ["payroll"] }), StringComparison.Ordinal);
        Assert.Contains("is for `orders-read` on `orders`", WhyNot(start with { Resource = "payroll" }, Ground with { Serves = ["payroll"] }), StringComparison.Ordinal);
        Assert.Contains("is for `orders-read` on `orders`", WhyNot(start with { Entitlement = "orders-write" }), StringComparison.Ordinal);
        Assert.Contains("not held by", WhyNot(start with { Holder = Holder with { Subject = "dba" } }), StringComparison.Ordinal);
        Assert.Contains("not held by", WhyNot(start with { Holder = Holder with { Name = "Dana Dba" } }), StringComparison.Ordinal);
        Assert.Contains("not held by", WhyNot(start with { Holder = Holder with { Act = [Holder with { Subject = "assistant" }] } }), StringComparison.Ordinal);
        Assert.Contains("no such ticket", WhyNot(start with { Login = "ticket t_2" }), StringComparison.Ordinal);
    }

    [Fact]
    public void A_ticket_of_another_agent_opens_no_session() =>
        Assert.Contains("no such ticket", WhyNot(
            Start.Start! with { Login = "ticket t_9" },
            Ground with { Grant = [.. Ground.Grant, .. Given((-3, new TicketIssued("t_9", "b", "", 1, At, "orders")))] }), StringComparison.Ordinal);

    [Fact]
    public void The_holder_of_a_session_is_the_one_the_log_knows_whatever_groups_the_agent_gives_them()
    {
        var segment = Of(1, Convert.ToHexStringLower(HashChain.Begin(Id)), false, Start with { Start = Start.Start! with { Holder = Holder with { Groups = ["admins"] } } });
        Assert.Empty(Assert.IsType<SessionOpened>(SegmentDecision.Decide(Session.Initial, segment, key, Ground).Events[0]).Holder.Groups);
    }

    [Theory]
    [InlineData(-11, false)] // five minutes before it was activated, and more than clocks may differ
    [InlineData(-9, true)]
    [InlineData(0, true)]
    [InlineData(54, true)]
    [InlineData(59, true)]
    [InlineData(61, false)]
    public void A_session_begins_while_its_grant_may_be_used(double minute, bool taken) =>
        Assert.Equal(taken, WhyNot(Start.Start!, at: At.AddMinutes(minute)) is null);

    [Fact]
    public void A_grant_of_a_time_to_come_is_of_a_clock_that_was_set_back_and_its_sessions_are_kept()
    {
        var anHourBack = At.AddMinutes(-58);
        Assert.NotNull(WhyNot(Start.Start!, Ground with { Now = At }, anHourBack));
        Assert.Null(WhyNot(Start.Start!, Ground with { Now = anHourBack.AddMinutes(1) }, anHourBack));
    }

    [Theory]
    [InlineData(10, true)]
    [InlineData(14, true)]
    [InlineData(16, false)]
    public void No_session_begins_after_the_grants_end_but_for_an_agent_that_could_not_have_heard_of_it(double minute, bool taken)
    {
        var revoked = Ground with { Grant = [.. Ground.Grant, .. Given((10, new GrantRevoked(Holder, "enough")))] };
        Assert.Equal(taken, WhyNot(Start.Start!, revoked, At.AddMinutes(minute)) is null);
        Assert.Null(WhyNot(Start.Start!, revoked with { Unheard = TimeSpan.FromMinutes(2) }, At.AddMinutes(16)));
    }

    [Fact]
    public void A_grant_that_was_never_activated_opens_no_session() =>
        Assert.Contains("allowed nothing", WhyNot(Start.Start!, Ground with { Grant = [Ground.Grant[0]] }), StringComparison.Ordinal);

    [Fact]
    public void A_null_where_there_may_be_none_is_refused_as_unreadable()
    {
        var line = JsonSerializer.Serialize(Start, Json.Options).Replace("\"login\":\"token\"", "\"login\":null", StringComparison.Ordinal);
        Assert.Contains("null", line, StringComparison.Ordinal);
        IsRefused("entry-unreadable", Session.Initial, OfLines(1, Convert.ToHexStringLower(HashChain.Begin(Id)), false, 1, line));
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

using AccessPlane.Contracts.Events;
using AccessPlane.Contracts.Policy;
using AccessPlane.Contracts.Transcripts;
using AccessPlane.ControlPlane.Sessions;
using Xunit;
using static AccessPlane.Tests.Unit.Transcripts.SegmentWriter;

namespace AccessPlane.Tests.Unit.Transcripts;

/// <summary>What a session must have in the log before its first part is taken: a grant that is like that, and may be used at that time.</summary>
public sealed class SessionGroundTests : IDisposable
{
    private readonly SegmentWriter agent = new();

    public void Dispose() => agent.Dispose();

    [Fact]
    public void The_session_keeps_which_login_it_had_at_the_database()
    {
        var login = new SessionLogin("accessplane_s_1", "accessplane_m_1", ["cards"], []);
        var segment = agent.Of(1, Beginning, false, Start with { Start = Start.Start! with { DatabaseLogin = login } });
        var opened = Assert.IsType<SessionOpened>(SegmentDecision.Decide(Session.Initial, segment, agent.Key, Ground).Events[0]);
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
        var segment = agent.Of(1, Beginning, false, Start with { Start = Start.Start! with { DatabaseLogin = login } });
        var decision = SegmentDecision.Decide(Session.Initial, segment, agent.Key, Ground with { Policy = new PublishedPolicy(version, "", model) });
        Assert.Null(decision.Refused);
        Assert.Single(decision.Events.OfType<TranscriptRecorded>());
        Assert.IsType<Session.Open>(decision.Events.Aggregate(Session.Initial, Session.Evolve));
        var finding = decision.Events.OfType<EvidenceGapFound>().SingleOrDefault();
        Assert.Equal(found is null, finding is null);
        Assert.Contains(found ?? "", finding?.Detail ?? "", StringComparison.Ordinal);
    }

    /// <summary>What the first segment of this start is refused for; null where the session begins.</summary>
    private string? WhyNot(SessionStart start, SessionGround? ground = null, DateTimeOffset? at = null)
    {
        var segment = agent.Of(1, Beginning, false, Start with { Start = start, At = at ?? At });
        Assert.Equal(start.Grant, SegmentDecision.GrantOf(segment));
        var decision = SegmentDecision.Decide(Session.Initial, segment, agent.Key, ground ?? Ground);
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
        var segment = agent.Of(1, Beginning, false, Start with { Start = Start.Start! with { Holder = Holder with { Groups = ["admins"] } } });
        Assert.Empty(Assert.IsType<SessionOpened>(SegmentDecision.Decide(Session.Initial, segment, agent.Key, Ground).Events[0]).Holder.Groups);
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
}

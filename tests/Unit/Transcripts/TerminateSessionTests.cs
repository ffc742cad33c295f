using AccessPlane.Contracts;
using AccessPlane.Contracts.Events;
using AccessPlane.ControlPlane.Sessions;
using AccessPlane.Tests.Unit.Domain;
using Xunit;
using static AccessPlane.Tests.Unit.Domain.People;

namespace AccessPlane.Tests.Unit.Transcripts;

public sealed class TerminateSessionTests
{
    private static readonly Guid Id = new("0199aaaa-0000-7000-8000-000000000001");
    private static readonly SessionOpened Opened =
        new(Id, new Guid("0199aaaa-0000-5000-8000-000000000002"), "orders", "orders-agent", Engineer, "orders", "127.0.0.1:5", "psql", World.Noon, 1, 1);

    private static Situation<Session> Given(params IEvent[] events) => new Specification<Session>(Session.Initial, Session.Evolve).Given(events);

    private static Func<Session, Outcome> Terminate(bool authority = true, bool maySee = true, string why = "not what was agreed") =>
        state => TerminateSession.Decide(state, new Termination(Dba, why, authority, maySee));

    [Fact]
    public void Who_has_authority_orders_the_agent_to_end_a_live_session() =>
        Given(Opened).When(Terminate()).Then(new SessionTerminationOrdered(Id, "orders-agent", Dba, "not what was agreed"));

    [Fact]
    public void An_order_ends_nothing_by_itself_and_may_be_given_again()
    {
        var ordered = Given(Opened).When(Terminate()).After;
        Assert.IsType<Session.Open>(ordered);
        Given(Opened, new SessionTerminationOrdered(Id, "orders-agent", Dba, "now")).When(Terminate()).Then(typeof(SessionTerminationOrdered));
    }

    [Fact]
    public void Its_holder_and_auditors_do_not_end_it_and_a_stranger_does_not_learn_of_it()
    {
        Given(Opened).When(Terminate(authority: false)).ThenRefused("not-an-approver");
        Given(Opened).When(Terminate(authority: false, maySee: false)).ThenRefused("no-such-session");
        Given(Opened, new SessionClosed(World.Noon, "closed")).When(Terminate(authority: false)).ThenRefused("not-an-approver");
        Given(Opened, new SessionClosed(World.Noon, "closed")).When(Terminate(authority: false, maySee: false)).ThenRefused("no-such-session");
    }

    [Fact]
    public void Who_approves_it_may_not_be_one_of_its_readers() => Given(Opened).When(Terminate(maySee: false)).Then(typeof(SessionTerminationOrdered));

    [Fact]
    public void A_session_that_is_over_is_refused_with_how_it_ended()
    {
        string Says(IEvent end) => Given(Opened, end).When(Terminate()).ThenRefused("session-over").Refusal!.Detail;
        Assert.Equal("the session is over: closed", Says(new SessionClosed(World.Noon, "closed")));
        Assert.Equal("the session is over: revoked", Says(new SessionTerminated(World.Noon, "revoked", TimeSpan.Zero)));
        Assert.Equal("the session is over: lost", Says(new SessionLost(World.Noon)));
    }

    [Fact]
    public void What_never_opened_is_not_there() => Given().When(Terminate()).ThenRefused("no-such-session");

    [Theory]
    [InlineData("")]
    [InlineData(" ")]
    public void It_must_say_why(string why) => Assert.Contains("reason", Given(Opened).When(Terminate(why: why)).ThenRefused("invalid").Refusal!.Errors!.Keys);

    [Fact]
    public void Why_is_no_essay()
    {
        Given(Opened).When(Terminate(why: new string('x', 1_000))).Then(typeof(SessionTerminationOrdered));
        Given(Opened).When(Terminate(why: new string('x', 1_001))).ThenRefused("invalid");
    }
}

using AccessPlane.Contracts.Events;
using AccessPlane.ControlPlane.AccessRequests;
using AccessPlane.Tests.Unit.Domain;
using Xunit;
using static AccessPlane.Tests.Unit.Domain.People;

namespace AccessPlane.Tests.Unit.AccessRequests;

public sealed class ClosingTests : RequestSpec
{
    [Fact]
    public void A_request_that_is_pending_for_too_long_expires_with_the_time_it_was_due()
    {
        Given(Submitted(Engineer)).When(s => ExpireRequest.Decide(s, World.Noon.AddHours(3))).Then(new RequestExpired(World.Noon.AddHours(1)));
        Given(Submitted(Engineer)).When(s => ExpireRequest.Decide(s, World.Noon.AddMinutes(59))).ThenNothing();
    }

    [Fact]
    public void A_timer_that_comes_twice_changes_nothing() =>
        Given(Submitted(Engineer), new RequestExpired(World.Noon.AddHours(1))).When(s => ExpireRequest.Decide(s, World.Noon.AddHours(3))).ThenNothing();

    [Fact]
    public void Who_asked_takes_it_back() =>
        Given(Submitted(Engineer)).When(s => CancelRequest.Decide(s, new Cancellation(Engineer, false, World.Today))).Then(typeof(RequestCancelled));

    [Fact]
    public void The_person_in_whose_name_an_agent_asked_takes_it_back_but_not_the_other_way_round()
    {
        Given(Submitted(Assistant)).When(s => CancelRequest.Decide(s, new Cancellation(Engineer, false, World.Today))).Then(typeof(RequestCancelled));
        Given(Submitted(Engineer)).When(s => CancelRequest.Decide(s, new Cancellation(Assistant, false, World.Today))).ThenRefused("no-such-request");
    }

    [Fact]
    public void Others_do_not_learn_that_the_request_is_there() =>
        Given(Submitted(Engineer)).When(s => CancelRequest.Decide(s, new Cancellation(Engineer2, false, World.Today))).ThenRefused("no-such-request");

    [Fact]
    public void A_closed_request_is_not_cancelled() =>
        Given(Submitted(Engineer), new RequestDenied(Dba, null)).When(s => CancelRequest.Decide(s, new Cancellation(Engineer, false, World.Today)))
            .ThenRefused("request-closed");

    [Fact]
    public void A_lock_cancels_what_is_pending_with_the_cause()
    {
        var cancelled = Given(Submitted(Engineer)).When(s => Closing.Decide(s, World.Today.LockedOn(new LockTarget(Actor: Engineer.Key))));
        Assert.Contains("under investigation", cancelled.Then(typeof(RequestCancelled)).Happened<RequestCancelled>().Why, StringComparison.Ordinal);
        Given(Submitted(Engineer)).When(s => Closing.Decide(s, World.Today.LockedOn(new LockTarget(Actor: Engineer2.Key)))).ThenNothing();
    }

    [Fact]
    public void Retiring_the_resource_closes_its_requests_with_the_cause()
    {
        var retired = World.With("resources: []");
        Assert.Contains(
            "retired", Given(Submitted(Engineer)).When(s => Closing.Decide(s, retired)).Then(typeof(RequestCancelled)).Happened<RequestCancelled>().Why,
            StringComparison.Ordinal);
    }

    [Fact]
    public void What_is_closed_is_left_alone() =>
        Given(Submitted(Engineer), new RequestDenied(Dba, null)).When(s => Closing.Decide(s, World.With("resources: []"))).ThenNothing();
}

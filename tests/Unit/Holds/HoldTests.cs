using AccessPlane.Contracts.Events;
using AccessPlane.Contracts.Identity;
using AccessPlane.ControlPlane.Holds;
using AccessPlane.Tests.Unit.Domain;
using Xunit;
using static AccessPlane.Tests.Unit.Domain.People;

namespace AccessPlane.Tests.Unit.Holds;

public sealed class HoldTests : HoldSpec
{
    // ——— opening
    [Fact]
    public void Who_decides_the_policy_says_and_not_the_agent()
    {
        var held = Held(rule: "empty");
        Assert.Equal(["dba"], held.From.Groups);
        Assert.Equal((2, Engineer.Key, World.Noon.AddMinutes(1)), (held.Count, held.Holder.Key, held.ExpiresAt));
    }

    [Fact]
    public void No_agent_keeps_an_operation_waiting_longer_than_the_rule_says()
    {
        var asked = Asking(Operation() with { ExpiresAt = World.Noon.AddDays(1) });
        Assert.Equal(World.Noon.AddMinutes(5), Given().When(s => WhenOperationHeld.Decide(s, asked)).Happened<OperationHeld>().ExpiresAt);
    }

    [Fact]
    public void An_agent_is_believed_about_its_own_sessions_and_resources_alone()
    {
        var opened = new SessionOpened(Session, Grant, "orders", "another", Engineer, "orders", "", "", World.Noon, 1, 1);
        var anothers = ControlPlane.Sessions.Session.Evolve(ControlPlane.Sessions.Session.Initial, opened);
        var own = ControlPlane.Sessions.Session.Evolve(ControlPlane.Sessions.Session.Initial, opened with { Agent = "a" });
        var otherGrants = ControlPlane.Sessions.Session.Evolve(ControlPlane.Sessions.Session.Initial, opened with { Agent = "a", Grant = Id });
        var over = ControlPlane.Sessions.Session.Evolve(own, new SessionClosed(World.Noon, "closed"));
        Assert.All(
            new[]
            {
                Asking(serves: false), Asking(resource: "payroll"), Asking() with { Grant = null }, Asking(session: anothers), Asking(session: otherGrants),
                Asking(session: over), Asking(Operation() with { TextHash = "00" }),
            },
            ask => Given().When(s => WhenOperationHeld.Decide(s, ask)).ThenRefused("hold-not-believed"));
        Given().When(s => WhenOperationHeld.Decide(s, Asking(session: own))).Then(typeof(OperationHeld));
    }

    [Fact]
    public void A_question_that_comes_again_or_after_its_end_changes_nothing()
    {
        Given(Held()).When(s => WhenOperationHeld.Decide(s, Asking())).ThenNothing();
        Given(new HoldAbandoned("gone")).When(s => WhenOperationHeld.Decide(s, Asking())).ThenNothing();
        Given(Held(), new HoldRefused(Dba, null)).When(s => WhenOperationHeld.Decide(s, Asking())).ThenNothing();
    }

    [Fact]
    public void What_the_policy_does_not_hold_any_more_is_refused_so_that_it_is_tried_again() =>
        Given().When(s => WhenOperationHeld.Decide(s, Asking(Operation(rule: "gone")))).Then(typeof(OperationHeld), typeof(HoldRefused));

    [Fact]
    public void What_nobody_could_approve_is_refused_at_once()
    {
        var lonely = Changed("", without: ", 'https://idp.example|dba2', 'https://idp.example|dba3'");
        Given().When(s => WhenOperationHeld.Decide(s, Asking(Operation(rule: "empty"), world: lonely))).Then(typeof(OperationHeld), typeof(HoldRefused));
    }

    [Fact]
    public void A_question_that_comes_too_late_has_lapsed() =>
        Given().When(s => WhenOperationHeld.Decide(s, Asking(world: Today.After("1m")))).Then(typeof(OperationHeld), typeof(HoldLapsed));

    // ——— deciding
    [Fact]
    public void One_approver_releases()
    {
        var released = Given(Held()).When(Approval(Dba)).Then(typeof(HoldReviewGiven), typeof(HoldReleased)).Happened<HoldReleased>();
        Assert.Equal([Dba.Key], released.Reviewers);
    }

    [Fact]
    public void Two_distinct_persons_release_what_takes_two()
    {
        Given(Held(rule: "empty")).When(Approval(Dba)).Then(typeof(HoldReviewGiven));
        Given(Held(rule: "empty"), Approved(Dba)).When(Approval(Dba)).ThenRefused("already-reviewed");
        Given(Held(rule: "empty"), Approved(Dba)).When(Approval(Dba2)).Then(typeof(HoldReviewGiven), typeof(HoldReleased));
    }

    [Fact]
    public void The_same_person_under_another_identity_counts_once()
    {
        var linked = Changed("\n  same-person: [['https://idp.example|dba2', 'https://idp.example|dba']]");
        Given(Held(rule: "empty"), Approved(Dba)).When(Approval(Dba2, linked)).ThenRefused("already-reviewed");
    }

    [Fact]
    public void One_denial_refuses_whatever_others_said() =>
        Given(Held(rule: "empty"), Approved(Dba)).When(Denial(Dba2)).Then(typeof(HoldReviewGiven), typeof(HoldRefused));

    [Fact]
    public void Who_lost_the_role_before_quorum_does_not_count_any_more()
    {
        var without = Changed("", without: "'https://idp.example|dba', ");
        Given(Held(rule: "empty"), Approved(Dba)).When(Approval(Dba2, without)).Then(typeof(HoldReviewLapsed), typeof(HoldReviewGiven));
    }

    [Fact]
    public void Nobody_releases_what_is_their_own()
    {
        Given(Held(Dba)).When(Approval(Dba)).ThenRefused("self-review", typeof(HoldReviewRefused));
        Given(Held(Assistant)).When(Approval(Engineer)).ThenRefused("self-review", typeof(HoldReviewRefused));
        Given(Held(Dba with { Act = Assistant.Act })).When(Approval(Dba)).ThenRefused("self-review", typeof(HoldReviewRefused));
        Given(Held(Engineer with { Act = [Dba] })).When(Approval(Dba)).ThenRefused("self-review", typeof(HoldReviewRefused));
        Assert.Equal(Engineer.Key, Today.Model.Directory.Owners[Ci.Key]);
        Given(Held(Ci)).When(Approval(Engineer)).ThenRefused("self-review", typeof(HoldReviewRefused));
        var linked = Changed("\n  same-person: [['https://idp.example|engineer', 'https://idp.example|dba']]");
        Given(Held()).When(Approval(Dba, linked)).ThenRefused("self-review", typeof(HoldReviewRefused));
    }

    [Fact]
    public void Only_people_who_are_approvers_decide_and_an_attempt_is_on_record_once()
    {
        var attempt = Given(Held()).When(Approval(Stranger)).ThenRefused("not-an-approver", typeof(HoldReviewRefused));
        Given(Held(), attempt.Events[0]).When(Approval(Stranger)).ThenRefused("not-an-approver");
        Given(Held()).When(Approval(Admin)).ThenRefused("not-an-approver", typeof(HoldReviewRefused));
        Given(Held()).When(Approval(Dba with { Act = [Stranger with { Kind = ActorKind.AiAgent }] })).ThenRefused("reviewer-not-a-person", typeof(HoldReviewRefused));
        Given(Held()).When(Denial(Stranger)).ThenRefused("not-an-approver", typeof(HoldReviewRefused));
    }

    [Fact]
    public void A_stale_answer_is_told_so_and_changes_nothing() => Given(Held()).When(Approval(Dba, seen: 7)).ThenRefused("terms-changed");

    [Fact]
    public void A_lock_on_the_holder_refuses_and_one_on_the_reviewer_keeps_them_out()
    {
        Given(Held()).When(Approval(Dba, Today.After("10s").LockedOn(new LockTarget(Actor: Engineer.Key)))).ThenRefused("hold-closed", typeof(HoldRefused));
        Given(Held()).When(Approval(Dba, Today.After("10s").LockedOn(new LockTarget(Actor: Dba.Key)))).ThenRefused("locked");
    }

    // ——— the end
    [Fact]
    public void Nothing_is_released_after_its_time_whether_or_not_a_timer_came() =>
        Given(Held()).When(Approval(Dba, Today.After("60s"))).ThenRefused("hold-lapsed", typeof(HoldLapsed));

    [Fact]
    public void The_timer_may_come_late_early_or_twice()
    {
        Given(Held()).When(s => LapseHold.Decide(s, World.Noon.AddSeconds(59))).ThenNothing();
        Given(Held()).When(s => LapseHold.Decide(s, World.Noon.AddSeconds(60))).Then(typeof(HoldLapsed));
        Given(Held(), new HoldLapsed(World.Noon)).When(s => LapseHold.Decide(s, World.Noon.AddHours(1))).ThenNothing();
    }

    [Fact]
    public void After_the_end_an_approver_is_told_what_it_was_and_a_stranger_is_not()
    {
        Assert.Contains("Released", Given(Held(), Approved(Dba), new HoldReleased([Dba.Key], "dba")).When(Approval(Dba2)).ThenRefused("hold-closed").Refusal!.Detail, StringComparison.Ordinal);
        Given(Held(), new HoldRefused(Dba, null)).When(Approval(Dba2)).ThenRefused("hold-closed");
        Given(Held(), new HoldAbandoned("left")).When(Denial(Dba2)).ThenRefused("hold-closed");
        Given(Held(), new HoldRefused(Dba, null)).When(Approval(Stranger)).ThenRefused("not-an-approver");
        Given().When(Approval(Dba)).ThenRefused("no-such-hold");
        Given(new HoldAbandoned("left")).When(Approval(Dba)).ThenRefused("no-such-hold");
    }

    [Fact]
    public void The_agents_word_ends_it_and_a_release_that_came_too_late_is_said_to_be_void()
    {
        Given(Held()).When(Ended("abandoned")).Then(new HoldAbandoned("its client left"));
        Given(Held()).When(Ended("lapsed")).Then(typeof(HoldLapsed));
        Given(Held(), new HoldReleased([Dba.Key], "dba")).When(Ended("lapsed")).Then(new HoldAbandoned("it was released, and did not run: its client left"));
        Given(Held(), new HoldRefused(Dba, null)).When(Ended("abandoned")).ThenNothing();
        Given().When(Ended("abandoned")).Then(typeof(HoldAbandoned));
        Given(Held()).When(Ended("abandoned", agent: "another")).ThenRefused("hold-not-believed");
    }
}

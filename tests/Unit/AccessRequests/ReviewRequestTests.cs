using AccessPlane.Contracts;
using AccessPlane.Contracts.Events;
using AccessPlane.Contracts.Identity;
using AccessPlane.ControlPlane.AccessRequests;
using AccessPlane.Tests.Unit.Domain;
using Xunit;
using static AccessPlane.Tests.Unit.Domain.People;

namespace AccessPlane.Tests.Unit.AccessRequests;

public sealed class ReviewRequestTests : RequestSpec
{
    private static readonly string DbaGroup = "dba: ['https://idp.example|dba', 'https://idp.example|dba2', 'https://idp.example|dba3']";

    private static Func<AccessRequest, Outcome> By(Review review) => s => ReviewRequest.Decide(s, review);

    [Fact]
    public void One_vote_of_two_leaves_the_request_waiting() =>
        Given(Submitted(Engineer)).When(By(Approval(Dba))).Then(typeof(ReviewGiven));

    [Fact]
    public void The_last_vote_approves_and_the_grant_begins()
    {
        var approved = Given(Submitted(Engineer), Approved(Dba)).When(By(Approval(Dba2))).Then(typeof(ReviewGiven), typeof(RequestApproved));
        Assert.Equal([Dba.Key, Dba2.Key], approved.Happened<RequestApproved>().Reviewers);
        Assert.Equal(Engineer.Key, approved.Happened<GrantIssued>().Holder.Key);
        Assert.Equal(approved.Happened<RequestApproved>().Grant, approved.Happened<GrantIssued>().Grant);
    }

    [Fact]
    public void Steps_come_in_order()
    {
        var asked = Submitted(Engineer, duration: "1h");
        Given(asked).When(By(Approval(Security))).ThenRefused("other-step");
        Given(asked, Approved(Dba)).When(By(Approval(Dba2))).Then(typeof(ReviewGiven));
        Given(asked, Approved(Dba), Approved(Dba2)).When(By(Approval(Dba3))).ThenRefused("other-step");
        Given(asked, Approved(Dba), Approved(Dba2)).When(By(Approval(Security))).Then(typeof(ReviewGiven), typeof(RequestApproved));
    }

    // ——— approver is the requester
    [Fact]
    public void Nobody_approves_their_own_request_and_the_attempt_is_on_record() =>
        Given(Submitted(Engineer)).When(By(Approval(Engineer))).ThenRefused("self-review", typeof(ReviewRefused));

    [Fact]
    public void Not_even_an_approver_approves_their_own_request()
    {
        var both = World.Changed("who: { groups: [engineering, ai-assistants] }", "who: { groups: [dba] }");
        Given(Submitted(Dba, world: both)).When(By(Approval(Dba, both))).ThenRefused("self-review", typeof(ReviewRefused));
    }

    [Fact]
    public void A_linked_identity_is_the_same_person()
    {
        var linked = World.Changed("directory:", "directory:\n  same-person: [['https://idp.example|engineer', 'https://idp.example|dba']]");
        Given(Submitted(Engineer)).When(By(Approval(Dba, linked))).ThenRefused("self-review", typeof(ReviewRefused));
    }

    [Fact]
    public void The_person_in_whose_name_an_agent_asks_cannot_approve() =>
        Given(Submitted(Assistant)).When(By(Approval(Engineer))).ThenRefused("self-review", typeof(ReviewRefused));

    [Fact]
    public void No_link_of_the_requesters_chain_can_approve()
    {
        var chain = Engineer with { Act = [.. Assistant.Act, Dba] };
        Given(Submitted(chain)).When(By(Approval(Dba))).ThenRefused("self-review", typeof(ReviewRefused));
    }

    [Fact]
    public void The_owner_of_a_workload_cannot_approve_what_it_asks_for()
    {
        var owned = World.With(World.Text
            .Replace("who: { groups: [engineering, ai-assistants] }", "who: { groups: [ci] }", StringComparison.Ordinal)
            .Replace("'https://idp.example|ci': 'https://idp.example|engineer'", "'https://idp.example|ci': 'https://idp.example|dba'", StringComparison.Ordinal));
        Given(Submitted(Ci, world: owned)).When(By(Approval(Dba, owned))).ThenRefused("self-review", typeof(ReviewRefused));
        Given(Submitted(Ci, world: owned)).When(By(Approval(Dba2, owned))).Then(typeof(ReviewGiven));
    }

    [Fact]
    public void An_agent_never_reviews_even_for_an_approver() =>
        Given(Submitted(Engineer)).When(By(Approval(Dba with { Act = [Stranger with { Kind = ActorKind.AiAgent }] })))
            .ThenRefused("reviewer-not-a-person", typeof(ReviewRefused));

    [Fact]
    public void A_stranger_is_not_an_approver_and_the_attempt_is_on_record_once()
    {
        var attempt = Given(Submitted(Engineer)).When(By(Approval(Stranger))).ThenRefused("not-an-approver", typeof(ReviewRefused));
        Given(Submitted(Engineer), attempt.Events[0]).When(By(Approval(Stranger))).ThenRefused("not-an-approver");
    }

    [Fact]
    public void An_admin_is_not_an_approver() => Given(Submitted(Engineer)).When(By(Approval(Admin))).ThenRefused("not-an-approver", typeof(ReviewRefused));

    // ——— the same person twice
    [Fact]
    public void The_same_person_counts_once() =>
        Given(Submitted(Engineer), Approved(Dba)).When(By(Approval(Dba))).ThenRefused("already-reviewed");

    [Fact]
    public void The_same_person_under_another_identity_counts_once()
    {
        var linked = World.Changed("directory:", "directory:\n  same-person: [['https://idp.example|dba2', 'https://idp.example|dba']]");
        Given(Submitted(Engineer), Approved(Dba)).When(By(Approval(Dba2, linked))).ThenRefused("already-reviewed");
    }

    [Fact]
    public void The_same_person_in_two_approver_groups_counts_once_in_the_whole_request()
    {
        var both = World.Changed("security: ['https://idp.example|security']", "security: ['https://idp.example|security', 'https://idp.example|dba']");
        var asked = Submitted(Engineer, duration: "1h", world: both);
        Given(asked, Approved(Dba), Approved(Dba2)).When(By(Approval(Dba, both))).ThenRefused("already-reviewed");
        Given(asked, Approved(Dba), Approved(Dba2)).When(By(Approval(Security, both))).Then(typeof(ReviewGiven), typeof(RequestApproved));
    }

    [Fact]
    public void Who_approved_may_still_deny() =>
        Given(Submitted(Engineer), Approved(Dba)).When(By(Denial(Dba))).Then(typeof(ReviewGiven), typeof(RequestDenied));

    // ——— denial
    [Fact]
    public void Any_approver_denies_alone() => Given(Submitted(Engineer)).When(By(Denial(Dba))).Then(typeof(ReviewGiven), typeof(RequestDenied));

    [Fact]
    public void An_approver_of_a_later_step_may_deny_at_once() =>
        Given(Submitted(Engineer, duration: "1h")).When(By(Denial(Security))).Then(typeof(ReviewGiven), typeof(RequestDenied));

    [Fact]
    public void A_stranger_denies_nothing() => Given(Submitted(Engineer)).When(By(Denial(Stranger))).ThenRefused("not-an-approver", typeof(ReviewRefused));

    // ——— races: the loser meets the winner's state
    [Fact]
    public void Who_loses_the_race_is_refused_and_sees_the_decision()
    {
        var denied = Given(Submitted(Engineer)).When(By(Denial(Dba)));
        Assert.IsType<AccessRequest.Denied>(denied.After);
        Given([Submitted(Engineer), .. denied.Events]).When(By(Approval(Dba2))).ThenRefused("request-closed");
        Given(Submitted(Engineer), Approved(Dba), Approved(Dba2), new RequestApproved(Request, [])).When(By(Denial(Dba3))).ThenRefused("request-closed");
    }

    // ——— eligibility at quorum
    [Fact]
    public void A_vote_of_someone_who_lost_the_role_lapses_visibly_at_quorum_and_the_request_waits_on()
    {
        var left = World.Changed(DbaGroup, "dba: ['https://idp.example|dba2', 'https://idp.example|dba3']").After("1m");
        var waiting = Given(Submitted(Engineer), Approved(Dba)).When(By(Approval(Dba2, left))).Then(typeof(ReviewLapsed), typeof(ReviewGiven));
        Assert.Equal(Dba.Key, waiting.Happened<ReviewLapsed>().Reviewer);
        Assert.Equal(0, Assert.IsType<AccessRequest.Submitted>(waiting.After).Step);
    }

    [Fact]
    public void After_a_vote_lapsed_another_approver_completes_the_quorum()
    {
        var left = World.Changed(DbaGroup, "dba: ['https://idp.example|dba2', 'https://idp.example|dba3']").After("1m");
        var first = Approved(Dba);
        var approved = Given(Submitted(Engineer), first, new ReviewLapsed(first.Review, Dba.Key, 0, "left"), Approved(Dba2))
            .When(By(Approval(Dba3, left))).Then(typeof(ReviewGiven), typeof(RequestApproved));
        Assert.Equal([Dba2.Key, Dba3.Key], approved.Happened<RequestApproved>().Reviewers);
    }

    [Fact]
    public void Who_got_the_role_back_may_vote_again_after_their_vote_lapsed()
    {
        var first = Approved(Dba);
        Given(Submitted(Engineer), first, new ReviewLapsed(first.Review, Dba.Key, 0, "left"), Approved(Dba2))
            .When(By(Approval(Dba))).Then(typeof(ReviewGiven), typeof(RequestApproved));
    }

    [Fact]
    public void At_the_last_quorum_votes_of_earlier_steps_are_looked_at_again()
    {
        var left = World.Changed(DbaGroup, "dba: ['https://idp.example|dba2', 'https://idp.example|dba3']").After("1m");
        var waiting = Given(Submitted(Engineer, duration: "1h"), Approved(Dba), Approved(Dba2))
            .When(By(Approval(Security, left))).Then(typeof(ReviewLapsed), typeof(ReviewGiven));
        var back = Assert.IsType<AccessRequest.Submitted>(waiting.After);
        Assert.Equal(0, back.Step);
        Assert.Equal(Security.Key, Assert.Single(back.Counted, v => v.Step == 1).Reviewer.Key);
    }

    [Fact]
    public void Two_who_turn_out_to_be_one_person_count_once_at_quorum()
    {
        var three = World.Changed("from: { groups: [dba] }, count: 2", "from: { groups: [dba] }, count: 3");
        var linked = World.With(World.Text
            .Replace("from: { groups: [dba] }, count: 2", "from: { groups: [dba] }, count: 3", StringComparison.Ordinal)
            .Replace("directory:", "directory:\n  same-person: [['https://idp.example|dba2', 'https://idp.example|dba']]", StringComparison.Ordinal));
        Given(Submitted(Engineer, world: three), Approved(Dba), Approved(Dba2)).When(By(Approval(Dba3, linked))).Then(typeof(ReviewLapsed), typeof(ReviewGiven));
    }

    [Fact]
    public void A_disabled_approver_does_not_review_and_their_vote_lapses()
    {
        var disabled = World.Changed("directory:", "directory:\n  disabled: ['https://idp.example|dba']");
        Given(Submitted(Engineer)).When(By(Approval(Dba, disabled))).ThenRefused("reviewer-disabled", typeof(ReviewRefused));
        Given(Submitted(Engineer), Approved(Dba)).When(By(Approval(Dba2, disabled))).Then(typeof(ReviewLapsed), typeof(ReviewGiven));
    }

    [Fact]
    public void A_locked_approver_does_not_review() =>
        Given(Submitted(Engineer)).When(By(Approval(Dba, World.Today.LockedOn(new LockTarget(Actor: Dba.Key))))).ThenRefused("locked");

    // ——— time, and answers to an older state
    [Fact]
    public void A_review_at_the_moment_of_expiry_comes_too_late_even_before_the_timer() =>
        Given(Submitted(Engineer), Approved(Dba)).When(By(Approval(Dba2, World.Today.After("1h")))).ThenRefused("request-expired", typeof(RequestExpired));

    [Fact]
    public void A_review_just_before_expiry_counts() =>
        Given(Submitted(Engineer), Approved(Dba)).When(By(Approval(Dba2, World.Today.After("59m59s")))).Then(typeof(ReviewGiven), typeof(RequestApproved));

    [Fact]
    public void Votes_do_not_change_the_terms_but_steps_do()
    {
        var asked = Submitted(Engineer, duration: "1h");
        Assert.Equal(1, Assert.IsType<AccessRequest.Submitted>(Given(asked).State).Terms);
        Assert.Equal(1, Assert.IsType<AccessRequest.Submitted>(Given(asked, Approved(Dba)).State).Terms);
        Assert.Equal(2, Assert.IsType<AccessRequest.Submitted>(Given(asked, Approved(Dba), Approved(Dba2)).State).Terms);
    }

    [Fact]
    public void A_concurrent_vote_does_not_stale_an_answer_and_another_step_does()
    {
        var asked = Submitted(Engineer, duration: "1h");
        Given(asked, Approved(Dba)).When(By(Approval(Dba2, terms: 1))).Then(typeof(ReviewGiven));
        Given(asked, Approved(Dba), Approved(Dba2)).When(By(Approval(Security, terms: 1))).ThenRefused("terms-changed");
        Given(asked, Approved(Dba), Approved(Dba2)).When(By(Approval(Security, terms: 2))).Then(typeof(ReviewGiven), typeof(RequestApproved));
    }

    [Fact]
    public void There_is_nothing_to_review_before_it_was_filed() => Given().When(By(Approval(Dba))).ThenRefused("no-such-request");

    // ——— the world changed meanwhile
    [Fact]
    public void A_stricter_approval_is_not_undercut_by_a_request_from_before_it()
    {
        var stricter = World.Changed("from: { groups: [dba] }, count: 2", "from: { groups: [dba] }, count: 3");
        Given(Submitted(Engineer), Approved(Dba)).When(By(Approval(Dba2, stricter))).ThenRefused("request-cancelled", typeof(RequestCancelled));
    }

    [Theory]
    [InlineData("id: write", "id: rewrite")]
    [InlineData("who: { groups: [engineering, ai-assistants] }", "who: { groups: [others] }")]
    [InlineData("directory:", "directory:\n  disabled: ['https://idp.example|engineer']")]
    public void A_request_that_today_could_not_be_filed_is_cancelled_with_the_cause(string from, string to) =>
        Given(Submitted(Engineer)).When(By(Approval(Dba, World.Changed(from, to)))).ThenRefused("request-cancelled", typeof(RequestCancelled));

    [Fact]
    public void A_shorter_longest_shortens_what_is_granted()
    {
        var shorter = World.Changed("max-duration: 2h", "max-duration: 10m").After("1m");
        Assert.Equal(
            TimeSpan.FromMinutes(10),
            Given(Submitted(Engineer), Approved(Dba)).When(By(Approval(Dba2, shorter))).Happened<GrantIssued>().Duration);
    }

    [Fact]
    public void A_policy_that_changes_other_things_leaves_pending_requests_alone() =>
        Given(Submitted(Engineer), Approved(Dba)).When(By(Approval(Dba2, World.Changed("max-duration: 8h", "max-duration: 4h"))))
            .Then(typeof(ReviewGiven), typeof(RequestApproved));

    [Fact]
    public void A_lock_on_the_requester_cancels_what_is_pending() =>
        Given(Submitted(Engineer)).When(By(Approval(Dba, World.Today.LockedOn(new LockTarget(Actor: Engineer.Key)))))
            .ThenRefused("request-cancelled", typeof(RequestCancelled));
}

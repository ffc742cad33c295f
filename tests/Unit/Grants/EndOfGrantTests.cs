using AccessPlane.Contracts;
using AccessPlane.Contracts.Events;
using AccessPlane.Contracts.Identity;
using AccessPlane.ControlPlane.Grants;
using AccessPlane.ControlPlane.Policies;
using AccessPlane.Tests.Unit.Domain;
using Xunit;
using static AccessPlane.Tests.Unit.Domain.People;

namespace AccessPlane.Tests.Unit.Grants;

public sealed class EndOfGrantTests : GrantSpec
{
    private static Situation<Grant> Active(Actor holder, string entitlement = "read", string duration = "1h")
    {
        var issued = Issued(holder, entitlement, duration);
        return Given(issued, Activated(issued));
    }

    private static Func<Grant, Outcome> Revoke(Actor by, bool admin = false, Circumstances? world = null) =>
        s => RevokeGrant.Decide(s, new Revocation(by, admin, "enough", world ?? World.Today));

    private static Func<Grant, Outcome> Surrender(Actor by, Circumstances? world = null) => s => SurrenderGrant.Decide(s, new Surrender(by, world ?? World.Today));

    private static Func<Grant, Outcome> Narrow(Circumstances world) => s => NarrowGrant.Decide(s, world);

    // ——— revoke and surrender
    [Fact]
    public void The_entitlements_approvers_and_admins_revoke()
    {
        Active(Engineer, "write").When(Revoke(Dba)).Then(new GrantRevoked(Dba, "enough"));
        Active(Engineer, "write").When(Revoke(Security)).Then(typeof(GrantRevoked));
        Active(Engineer, "write").When(Revoke(Admin, admin: true)).Then(typeof(GrantRevoked));
        Given(Issued(Engineer, "write")).When(Revoke(Dba)).Then(typeof(GrantRevoked));
    }

    [Fact]
    public void Others_do_not_revoke()
    {
        Active(Engineer, "write").When(Revoke(Engineer)).ThenRefused("not-an-approver");
        Active(Engineer, "write").When(Revoke(Stranger)).ThenRefused("not-an-approver");
        Active(Engineer, "write").When(Revoke(Dba with { Act = Assistant.Act })).ThenRefused("not-an-approver");
        Active(Engineer).When(Revoke(Dba)).ThenRefused("not-an-approver");
    }

    [Fact]
    public void A_grant_is_revoked_once() =>
        Given(Issued(Engineer, "write"), new GrantRevoked(Dba, "no")).When(Revoke(Dba2)).ThenRefused("grant-ended");

    [Fact]
    public void What_expired_before_is_expired_and_not_revoked() =>
        Active(Engineer, "write", "1h").When(Revoke(Dba, world: World.Today.After("1h"))).ThenRefused("grant-expired", typeof(GrantExpired));

    [Fact]
    public void The_holder_surrenders() => Active(Engineer).When(Surrender(Engineer)).Then(new GrantSurrendered(Engineer));

    [Fact]
    public void The_person_surrenders_what_an_agent_holds_in_their_name_and_not_the_other_way_round()
    {
        Active(Assistant).When(Surrender(Engineer)).Then(typeof(GrantSurrendered));
        Active(Engineer).When(Surrender(Assistant)).ThenRefused("no-such-grant");
        Active(Engineer).When(Surrender(Engineer2)).ThenRefused("no-such-grant");
    }

    // ——— time
    [Fact]
    public void Time_ends_a_grant_once_with_the_time_it_was_due()
    {
        Active(Engineer).When(s => ExpireGrant.Decide(s, World.Noon.AddDays(1))).Then(new GrantExpired(World.Noon.AddHours(1)));
        Active(Engineer).When(s => ExpireGrant.Decide(s, World.Noon.AddMinutes(59))).ThenNothing();
        Given(Issued(Engineer)).When(s => ExpireGrant.Decide(s, World.Noon.AddMinutes(30))).Then(new ActivationLapsed(World.Noon.AddMinutes(30)));
        Given(Issued(Engineer), new ActivationLapsed(World.Noon)).When(s => ExpireGrant.Decide(s, World.Noon.AddDays(1))).ThenNothing();
    }

    [Fact]
    public void The_next_deadline_is_the_one_that_comes_first()
    {
        Assert.Equal(World.Noon.AddMinutes(30), ExpireGrant.NextDeadline(Given(Issued(Engineer)).State));
        Assert.Equal(World.Noon.AddHours(1), ExpireGrant.NextDeadline(Active(Engineer).State));
        Assert.Equal(World.Noon.AddHours(24), ExpireGrant.NextDeadline(Given([.. Broken(OnCall), new GrantRevoked(Admin, "no")]).State));
        Assert.Null(ExpireGrant.NextDeadline(Given(Issued(Engineer), new GrantRevoked(Admin, "no")).State));
    }

    // ——— the world changed while it is active
    [Fact]
    public void A_narrower_policy_narrows_a_live_grant()
    {
        var narrowed = Active(Engineer).When(Narrow(World.Changed("statements: [select, explain]", "statements: [select]").After("5m")))
            .Then(typeof(GrantNarrowed)).Happened<GrantNarrowed>();
        Assert.Equal(["select"], narrowed.Scope.Statements);
        Assert.Equal(World.Noon.AddHours(1), narrowed.NotAfter);
    }

    [Fact]
    public void A_shorter_longest_brings_the_end_forward_and_one_that_has_passed_ends_it()
    {
        var shorter = World.Changed("max-duration: 8h", "max-duration: 20m");
        Assert.Equal(World.Noon.AddMinutes(20), Active(Engineer).When(Narrow(shorter.After("5m"))).Happened<GrantNarrowed>().NotAfter);
        Active(Engineer).When(Narrow(shorter.After("20m"))).Then(typeof(GrantRevoked));
    }

    [Fact]
    public void A_wider_policy_changes_nothing() =>
        Active(Engineer).When(Narrow(World.Changed("max-connections: 50", "max-connections: 500"))).ThenNothing();

    [Theory]
    [InlineData("id: read", "id: reread")]
    [InlineData("who: { groups: [engineering, ci, ai-assistants] }", "who: { groups: [ci] }")]
    [InlineData("statements: [select, explain]", "statements: [vacuum]")]
    [InlineData("directory:", "directory:\n  disabled: ['https://idp.example|engineer']")]
    public void Where_today_leaves_nothing_a_live_grant_is_revoked(string from, string to) =>
        Active(Engineer).When(Narrow(World.Changed(from, to))).Then(typeof(GrantRevoked));

    [Fact]
    public void Retiring_the_resource_ends_its_grants_with_the_cause()
    {
        var retired = World.With("resources: []");
        Assert.Contains("retired", Active(Engineer).When(Narrow(retired)).Happened<GrantRevoked>().Why, StringComparison.Ordinal);
        Assert.Contains("retired", Given(Issued(Engineer)).When(Narrow(retired)).Happened<GrantRevoked>().Why, StringComparison.Ordinal);
    }

    [Fact]
    public void A_lock_revokes_what_it_meets()
    {
        Active(Engineer).When(Narrow(World.Today.LockedOn(new LockTarget(Actor: Engineer.Key)))).Then(typeof(GrantRevoked));
        Active(Assistant).When(Narrow(World.Today.LockedOn(new LockTarget(Actor: $"{Issuer}|assistant")))).Then(typeof(GrantRevoked));
        Active(Engineer2).When(Narrow(World.Today.LockedOn(new LockTarget(Actor: Engineer.Key)))).ThenNothing();
        Active(Engineer).When(Narrow(World.Today.LockedOn(new LockTarget(Agent: "orders-agent")))).ThenNothing();
    }

    [Fact]
    public void A_lock_on_one_identity_meets_the_others_of_the_person()
    {
        var linked = World.Changed("directory:", "directory:\n  same-person: [['https://other|e', 'https://idp.example|engineer']]");
        Active(Engineer).When(Narrow(linked.LockedOn(new LockTarget(Actor: "https://other|e")))).Then(typeof(GrantRevoked));
    }

    // ——— break-glass debt
    [Fact]
    public void A_review_that_is_owed_defaults_when_its_time_is_over_even_after_the_grant_ended()
    {
        var over = Given([.. Broken(OnCall), new GrantSurrendered(OnCall)]);
        over.When(s => ExpireGrant.Decide(s, World.Noon.AddHours(23))).ThenNothing();
        over.When(s => ExpireGrant.Decide(s, World.Noon.AddHours(24))).Then(new ReviewDebtDefaulted(World.Noon.AddHours(24)));
        Given([.. Broken(OnCall), new GrantSurrendered(OnCall), new ReviewDebtDefaulted(World.Noon)])
            .When(s => ExpireGrant.Decide(s, World.Noon.AddDays(9))).ThenNothing();
    }

    [Fact]
    public void The_named_reviewers_settle_it_and_nobody_else()
    {
        IEvent[] over = [.. Broken(OnCall), new GrantSurrendered(OnCall)];
        Given(over).When(Settle(Security, ReviewVerdict.Approve)).Then(typeof(ReviewDebtSettled));
        Given(over).When(Settle(Security, ReviewVerdict.Deny)).Then(typeof(ReviewDebtSettled));
        Given(over).When(Settle(Dba, ReviewVerdict.Approve)).ThenRefused("not-an-approver");
        Given(over).When(Settle(OnCall, ReviewVerdict.Approve)).ThenRefused("self-review");
        Given(Issued(Engineer)).When(Settle(Security, ReviewVerdict.Approve)).ThenRefused("no-review-owed");
        Given([.. over, new ReviewDebtSettled(Security, ReviewVerdict.Approve, null)]).When(Settle(Security, ReviewVerdict.Deny)).ThenRefused("already-reviewed");
    }

    [Fact]
    public void What_is_still_open_is_not_found_in_order_because_nobody_would_look_at_what_follows()
    {
        Given(Broken(OnCall)).When(Settle(Security, ReviewVerdict.Approve)).ThenRefused("still-open");
        IEvent[] used = [.. Broken(OnCall), Activated((GrantIssued)Broken(OnCall)[0])];
        Given(used).When(Settle(Security, ReviewVerdict.Approve)).ThenRefused("still-open");
        Given(used).When(Settle(Dba, ReviewVerdict.Approve)).ThenRefused("not-an-approver");
        // time ends it, whether a timer has said so or not
        Given(used).When(Settle(Security, ReviewVerdict.Approve, World.Today.After("1h"))).Then(typeof(ReviewDebtSettled));
    }

    [Fact]
    public void To_deny_the_review_ends_what_is_left_of_the_grant() =>
        Given(Broken(OnCall)).When(Settle(Security, ReviewVerdict.Deny)).Then(typeof(ReviewDebtSettled), typeof(GrantRevoked));

    [Fact]
    public void A_default_can_still_be_settled() =>
        Given([.. Broken(OnCall), new GrantSurrendered(OnCall), new ReviewDebtDefaulted(World.Noon)]).When(Settle(Security, ReviewVerdict.Approve)).Then(typeof(ReviewDebtSettled));

    [Fact]
    public void Who_is_locked_out_reviews_nothing_and_who_closed_everything_does()
    {
        IEvent[] over = [.. Broken(OnCall), new GrantSurrendered(OnCall)];
        Given(over).When(Settle(Security, ReviewVerdict.Approve, World.Today.LockedOn(new LockTarget(Actor: Security.Key)))).ThenRefused("locked");
        Given(over).When(Settle(Security, ReviewVerdict.Approve, World.Today.LockedOn(new LockTarget(Everything: true)))).Then(typeof(ReviewDebtSettled));
    }

    [Fact]
    public void Where_the_policy_says_nothing_of_it_any_more_those_review_who_did_when_it_was_broken()
    {
        IEvent[] over = [.. Broken(OnCall), new GrantSurrendered(OnCall)];
        var gone = World.Today with { Policy = World.Today.Policy with { Model = World.Today.Model with { Entitlements = [] } } };
        Given(over).When(Settle(Security, ReviewVerdict.Approve, gone)).Then(typeof(ReviewDebtSettled));
        Given(over).When(Settle(Dba, ReviewVerdict.Approve, gone)).ThenRefused("not-an-approver");
    }

    private static Func<Grant, Outcome> Settle(Actor by, ReviewVerdict verdict, Circumstances? world = null) =>
        s => SettleReviewDebt.Decide(s, new Settlement(by, verdict, null, world ?? World.Today));
}

using AccessPlane.Contracts.Events;
using AccessPlane.ControlPlane.AccessRequests;
using AccessPlane.Tests.Unit.Domain;
using Xunit;
using static AccessPlane.Tests.Unit.Domain.People;

namespace AccessPlane.Tests.Unit.AccessRequests;

public sealed class SubmitRequestTests : RequestSpec
{
    private static Consequence<AccessRequest> When(Submission asked) => Given().When(s => SubmitRequest.Decide(s, asked));

    [Fact]
    public void A_request_waits_for_its_steps_and_expires_after_the_hour_that_the_policy_gives()
    {
        var asked = When(Asking(Engineer, "write", "2h")).Then(typeof(RequestSubmitted)).Happened<RequestSubmitted>();
        Assert.Equal([2, 1], asked.Steps.Select(s => s.Count));
        Assert.Equal(World.Noon.AddHours(1), asked.ExpiresAt);
    }

    [Fact]
    public void A_short_request_skips_the_step_that_lets_short_ones_go() =>
        Assert.Single(When(Asking(Engineer, "write", "20m")).Happened<RequestSubmitted>().Steps);

    [Fact]
    public void A_request_of_exactly_the_bound_is_not_under_it() =>
        Assert.Equal(2, When(Asking(Engineer, "write", "30m")).Happened<RequestSubmitted>().Steps.Count);

    [Fact]
    public void Without_a_duration_it_is_for_as_long_as_the_entitlement_gives() =>
        Assert.Equal(TimeSpan.FromHours(2), When(Asking(Engineer, "write")).Happened<RequestSubmitted>().Duration);

    [Fact]
    public void Automatic_approval_issues_the_grant_in_the_same_transaction()
    {
        var issued = Assert.IsType<GrantIssued>(Assert.Single(When(Asking(Engineer, "read", "1h")).Then(typeof(RequestSubmitted), typeof(RequestApproved)).Beginning));
        Assert.Equal(TimeSpan.FromHours(1), issued.Duration);
        Assert.Equal(World.Noon.AddMinutes(30), issued.ActivateBy);
        Assert.Equal(SubmitRequest.GrantOf(Request), issued.Grant);
        Assert.Equal(50, issued.MaxConnections);
        Assert.Equal(["select", "explain"], issued.Scope.Statements);
    }

    [Fact]
    public void What_does_not_exist_cannot_be_asked_for_and_the_refusal_says_what_can()
    {
        var refusal = When(Asking(Engineer, "everything")).ThenRefused("no-such-entitlement").Refusal!;
        Assert.Contains("`read`, `write`", refusal.Detail, StringComparison.Ordinal);
        Assert.Contains("entitlement", refusal.Errors!.Keys);
    }

    [Fact]
    public void What_is_for_others_cannot_be_asked_for() => When(Asking(Engineer, "glass")).ThenRefused("not-entitled");

    [Fact]
    public void An_unknown_person_may_ask_for_nothing() =>
        Assert.Contains("nothing you may ask for", When(Asking(Stranger, "read")).ThenRefused("not-entitled").Refusal!.Detail, StringComparison.Ordinal);

    [Fact]
    public void An_agent_may_ask_only_for_what_both_it_and_its_person_may()
    {
        When(Asking(Assistant, "read")).Then(typeof(RequestSubmitted), typeof(RequestApproved));
        When(Asking(Assistant with { Act = [Stranger] }, "read")).ThenRefused("not-entitled");
        When(Asking(Stranger with { Act = Assistant.Act }, "read")).ThenRefused("not-entitled");
    }

    [Fact]
    public void Longer_than_the_longest_is_refused() => When(Asking(Engineer, "write", "3h")).ThenRefused("duration-too-long");

    [Fact]
    public void A_duration_of_nothing_is_refused() =>
        When(Asking(Engineer, "write") with { Duration = TimeSpan.Zero }).ThenRefused("bad-duration");

    [Fact]
    public void A_negative_duration_is_refused() =>
        When(Asking(Engineer, "write") with { Duration = TimeSpan.FromHours(-1) }).ThenRefused("bad-duration");

    [Theory]
    [InlineData(null)]
    [InlineData(" ")]
    public void A_reason_that_is_required_must_be_there(string? reason) => When(Asking(Engineer, "write", reason: reason)).ThenRefused("reason-required");

    [Theory]
    [InlineData(null)]
    [InlineData("ops-1")]
    [InlineData("see OPS-1")]
    public void A_reference_must_match_its_pattern(string? reference) =>
        When(Asking(Engineer, "write", reference: reference)).ThenRefused("reference-required");

    [Fact]
    public void A_request_that_nobody_could_approve_is_refused_with_the_reason()
    {
        var lonely = World.Changed("dba: ['https://idp.example|dba', 'https://idp.example|dba2', 'https://idp.example|dba3']", "dba: ['https://idp.example|dba']");
        var refusal = When(Asking(Engineer, "write", world: lonely)).ThenRefused("nobody-can-approve").Refusal!;
        Assert.Contains("2 of group `dba`", refusal.Detail, StringComparison.Ordinal);
    }

    [Fact]
    public void Who_asks_is_not_among_those_who_could_approve()
    {
        var two = World.Changed(
            "['https://idp.example|dba', 'https://idp.example|dba2', 'https://idp.example|dba3']", "['https://idp.example|dba', 'https://idp.example|engineer']");
        When(Asking(Engineer, "write", world: two)).ThenRefused("nobody-can-approve");
        When(Asking(Engineer2, "write", world: two)).Then(typeof(RequestSubmitted));
    }

    [Fact]
    public void One_person_in_two_groups_cannot_fill_two_steps()
    {
        var three = World.Changed("security: ['https://idp.example|security']", "security: ['https://idp.example|dba']");
        When(Asking(Engineer, "write", "2h", world: three)).Then(typeof(RequestSubmitted)); // dba2 and dba3, then dba
        var two = World.With(World.Text
            .Replace("security: ['https://idp.example|security']", "security: ['https://idp.example|dba']", StringComparison.Ordinal)
            .Replace(", 'https://idp.example|dba3'", "", StringComparison.Ordinal));
        When(Asking(Engineer, "write", "2h", world: two)).ThenRefused("nobody-can-approve");
    }

    [Fact]
    public void A_fallback_stands_in_for_a_step_that_nobody_could_fill()
    {
        var fallback = World.With(World.Text
            .Replace("['https://idp.example|dba', 'https://idp.example|dba2', 'https://idp.example|dba3']", "['https://idp.example|dba']", StringComparison.Ordinal)
            .Replace("expires: 1h", "expires: 1h\n      fallback: { from: { groups: [security] } }", StringComparison.Ordinal));
        var step = Assert.Single(When(Asking(Engineer, "write", "20m", world: fallback)).Happened<RequestSubmitted>().Steps);
        Assert.Equal(["security"], step.From.Groups);
    }

    [Fact]
    public void Groups_that_only_tokens_tell_of_are_given_the_benefit_of_the_doubt()
    {
        var unlisted = World.Changed("from: { groups: [dba] }, count: 2", "from: { groups: [elders] }, count: 2");
        When(Asking(Engineer, "write", world: unlisted)).Then(typeof(RequestSubmitted));
    }

    [Fact]
    public void A_disabled_person_may_ask_for_nothing_under_any_identity()
    {
        var disabled = World.Changed("directory:", "directory:\n  disabled: ['https://other|e']\n  same-person: [['https://other|e', 'https://idp.example|engineer']]");
        When(Asking(Engineer, "read", world: disabled)).ThenRefused("actor-disabled");
        When(Asking(Assistant, "read", world: disabled)).ThenRefused("actor-disabled");
        When(Asking(Engineer2, "read", world: disabled)).Then(typeof(RequestSubmitted), typeof(RequestApproved));
    }

    [Fact]
    public void A_lock_on_any_link_of_the_chain_or_on_the_resource_refuses_new_requests()
    {
        When(Asking(Engineer, "read", world: World.Today.LockedOn(new LockTarget(Actor: Engineer.Key)))).ThenRefused("locked");
        When(Asking(Assistant, "read", world: World.Today.LockedOn(new LockTarget(Actor: $"{Issuer}|assistant")))).ThenRefused("locked");
        When(Asking(Engineer, "read", world: World.Today.LockedOn(new LockTarget(Resource: "orders")))).ThenRefused("locked");
        When(Asking(Engineer2, "read", world: World.Today.LockedOn(new LockTarget(Actor: Engineer.Key)))).Then(typeof(RequestSubmitted), typeof(RequestApproved));
    }

    [Fact]
    public void A_lock_whose_time_is_over_locks_nothing() =>
        When(Asking(Engineer, "read", world: World.Today.LockedOn(new LockTarget(Actor: Engineer.Key), World.Noon)))
            .Then(typeof(RequestSubmitted), typeof(RequestApproved));

    [Fact]
    public void Break_glass_is_immediate_and_owes_a_review()
    {
        var broken = When(Asking(OnCall, "glass")).Then(typeof(RequestSubmitted), typeof(RequestApproved));
        Assert.True(broken.Happened<GrantIssued>().BreakGlass);
        Assert.Equal(World.Noon.AddHours(24), broken.Happened<BreakGlassUsed>().ReviewBy);
    }

    [Fact]
    public void Who_left_a_break_glass_review_unsettled_may_not_break_the_glass_again()
    {
        When(Asking(OnCall, "glass") with { DebtInDefault = true }).ThenRefused("break-glass-locked");
        When(Asking(OnCall, "read") with { DebtInDefault = true }).Then(typeof(RequestSubmitted), typeof(RequestApproved));
    }

    [Fact]
    public void The_same_request_is_not_filed_twice() =>
        Given(Submitted(Engineer)).When(s => SubmitRequest.Decide(s, Asking(Engineer, "write"))).ThenRefused("request-exists");
}

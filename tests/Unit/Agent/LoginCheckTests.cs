using AccessPlane.Agent.Gate;
using AccessPlane.Contracts.Policy;
using AccessPlane.Contracts.Sql;
using Xunit;

namespace AccessPlane.Tests.Unit.Agent;

/// <summary>A session's login at the database is made once: what the policy asks for later cannot be brought into it.</summary>
public sealed class LoginCheckTests
{
    private static readonly MaskRule Cards = new("cards", "orders", ["customers.card"], [], new MaskWith(MaskKind.KeepLast, 4), null, Inference.Refuse);
    private static readonly StatementFacts Select = new(["select"], 1);
    private readonly AgentWorld world = new();
    private long version = 1;

    [Fact]
    public void A_session_that_came_while_the_agent_hid_columns_ends_when_the_database_shall()
    {
        Publish(MaskingMode.Wire, Cards);
        using var permit = Admit();
        Assert.True(permit.MayForward);
        Publish(MaskingMode.Server, Cards);
        Assert.False(permit.MayForward);
        Assert.Equal(Effect.Deny, permit.Judge(Select).Effect);
        world.Live.CutWhatEnded(world.Time.GetTimestamp());
        Assert.Equal("policy", permit.End?.Cause);
        Assert.Contains("connect again", permit.End?.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_session_whose_login_was_made_for_other_masks_ends()
    {
        foreach (var changed in new[] { Cards with { With = MaskWith.Redact }, Cards with { Columns = ["customers.card", "customers.iban"] } })
        {
            Publish(MaskingMode.Server, Cards);
            using var permit = Admit();
            Assert.Equal(["cards"], permit.Masks.Masked.Select(m => m.Id));
            Publish(MaskingMode.Server, changed);
            Assert.False(permit.MayForward);
        }
    }

    [Fact]
    public void Whom_a_mask_does_not_apply_to_any_more_keeps_no_login_that_it_applied_to()
    {
        Publish(MaskingMode.Server, Cards);
        using var permit = Admit();
        Publish(MaskingMode.Server, Cards with { Unless = Who.Nobody with { Groups = ["engineering"] } });
        Assert.False(permit.MayForward);
        using var again = Admit();
        Assert.Equal((0, "cards"), (again.Masks.Masked.Count, Assert.Single(again.Masks.Exempt).Id));
    }

    [Fact]
    public void A_policy_that_says_the_same_of_columns_lets_sessions_go_on()
    {
        Publish(MaskingMode.Server, Cards);
        using var permit = Admit();
        var found = new MaskRule("found", "orders", [], [Detector.Email], MaskWith.Redact, null, Inference.Refuse);
        Publish(MaskingMode.Server, Cards with { Columns = [.. Cards.Columns] }, found);
        Assert.True(permit.MayForward);
        Publish(MaskingMode.Server, Cards, found, Cards with { Id = "watched", Mode = PolicyMode.Observe });
        Assert.True(permit.MayForward);
    }

    [Theory]
    [InlineData(MaskingMode.Server, false)]
    [InlineData(MaskingMode.Wire, true)]
    public void A_grant_that_was_narrowed_ends_the_sessions_whose_login_may_more(MaskingMode masking, bool goesOn)
    {
        Publish(masking);
        var grant = world.Granted(TimeSpan.FromHours(1));
        foreach (var narrower in new[]
        {
            grant with { Login = new LoginTerms([], ["select"]) }, grant with { Login = new LoginTerms(["app_readers"], []) },
            grant with { Scope = new Scope([], ["select"]) },
        })
        {
            world.Apply(grant);
            using var permit = world.Admit(grant);
            world.Apply(narrower);
            Assert.Equal(goesOn, permit.MayForward);
        }
    }

    private void Publish(MaskingMode masking, params MaskRule[] masks) => world.Apply(new PublishedPolicy(
        ++version, "", new PolicyModel([AgentWorld.Orders with { Masking = masking }], [], PeopleDirectory.Empty) { Masks = masks }));

    private Permit Admit() => world.Admit(world.Granted(TimeSpan.FromHours(1)));
}

using AccessPlane.Contracts.Identity;
using AccessPlane.ControlPlane.AccessRequests;
using AccessPlane.ControlPlane.Policies;
using AccessPlane.Tests.Unit.Domain;
using Xunit;
using static AccessPlane.Tests.Unit.Domain.People;

namespace AccessPlane.Tests.Unit.AccessRequests;

/// <summary>What a login without a grant asks for by itself.</summary>
public sealed class ImplicitLoginTests
{
    private static string? Chosen(Actor who, string name = "", Circumstances? world = null) =>
        ImplicitLogin.Choose((world ?? World.Today).Model, who, "orders", name).Entitlement?.Id;

    private static string Why(Actor who, string name = "", Circumstances? world = null) =>
        ImplicitLogin.Choose((world ?? World.Today).Model, who, "orders", name).Why;

    [Fact]
    public void The_one_entitlement_that_fits_is_asked_for()
    {
        Assert.Equal("read", Chosen(Ci));
        Assert.Equal("read", Chosen(Engineer, "engineer")); // a user name that names nothing
        Assert.Equal("read", Chosen(Assistant));
    }

    [Fact]
    public void What_needs_a_reason_cannot_be_asked_for_by_logging_in() =>
        Assert.Contains("needs a reason", Why(Engineer, "write", World.Changed("max-total: 4h", "token-login: { kinds: [person] }")), StringComparison.Ordinal);

    [Fact]
    public void Where_several_fit_the_client_chooses_by_the_user_name()
    {
        var both = World.With(World.Text
            .Replace("reason: { required: true, reference: '^[A-Z]+-[0-9]+$' }", "token-login: { kinds: [person] }", StringComparison.Ordinal));
        Assert.Contains("`read`, `write`", Why(Engineer, "engineer", both), StringComparison.Ordinal);
        Assert.Equal("write", Chosen(Engineer, "write", both));
    }

    [Fact]
    public void A_kind_whose_tokens_are_not_taken_is_told_to_use_a_ticket()
    {
        var workloads = World.Changed("kinds: [workload, ai-agent, person]", "kinds: [workload]");
        Assert.Contains("ticket", Why(Engineer, "read", workloads), StringComparison.Ordinal);
        Assert.Contains("ticket", Why(Assistant, "read", workloads), StringComparison.Ordinal);
        Assert.Equal("read", Chosen(Ci, "read", workloads));
    }

    [Fact]
    public void Glass_is_not_broken_by_logging_in() => Assert.Contains("on purpose", Why(OnCall, "glass"), StringComparison.Ordinal);

    [Fact]
    public void Who_may_ask_for_nothing_is_told_so() => Assert.Contains("may not ask for anything", Why(Stranger), StringComparison.Ordinal);
}

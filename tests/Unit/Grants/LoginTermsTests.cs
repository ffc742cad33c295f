using AccessPlane.Contracts;
using AccessPlane.Contracts.Events;
using AccessPlane.Contracts.Policy;
using AccessPlane.ControlPlane.Grants;
using AccessPlane.ControlPlane.Policies;
using AccessPlane.Tests.Unit.Domain;
using Xunit;
using static AccessPlane.Tests.Unit.Domain.People;

namespace AccessPlane.Tests.Unit.Grants;

/// <summary>What a grant's login may do in the database is part of what was approved.</summary>
public sealed class LoginTermsTests : GrantSpec
{
    private static readonly GrantIssued Readers = Issued(Engineer) with { Login = new LoginTerms(["app_readers", "app_writers"], ["select", "update"]) };

    [Fact]
    public void A_grant_has_the_login_of_its_entitlement() => Assert.Equal(["app_readers"], IssuedUnder("member-of: [app_readers]").Login!.MemberOf);

    [Theory]
    [InlineData(null, "app_readers app_writers / select update")]
    [InlineData("member-of: [app_readers]", "app_readers / select update")]
    [InlineData("privileges: [select, insert]", "app_readers app_writers / select")]
    [InlineData("member-of: [app_writers, others], privileges: [update, delete]", "app_writers / update")]
    [InlineData("member-of: [others]", "nothing")]
    [InlineData("privileges: [delete]", "nothing")]
    public void Todays_policy_narrows_it_and_never_widens_it(string? today, string left)
    {
        var world = Policy(today);
        var activation = Given(Readers).When(s => ActivateGrant.Decide(s, new Activation(Engineer, world)));
        var live = Given(Readers, Activated(Readers) with { Login = Readers.Login }).When(s => NarrowGrant.Decide(s, world.After("5m")));
        if (left == "nothing")
        {
            activation.ThenRefused("activation-refused", typeof(ActivationRefused));
            Assert.Contains("login", live.Happened<GrantRevoked>().Why, StringComparison.Ordinal);
            return;
        }
        Assert.Equal(left, Text(activation.Happened<GrantActivated>().Login));
        if (left == Text(Readers.Login))
        {
            live.ThenNothing();
        }
        else
        {
            Assert.Equal(left, Text(live.Happened<GrantNarrowed>().Login));
        }
    }

    [Fact]
    public void A_login_that_nothing_bounded_is_bounded_by_a_later_policy() =>
        Assert.Equal(" / select", Text(Given(Issued(Engineer)).When(s => ActivateGrant.Decide(s, new Activation(Engineer, Policy("privileges: [select]")))).Happened<GrantActivated>().Login));

    [Theory]
    [InlineData(null, "", "select insert update delete")]
    [InlineData(null, "select explain", "select")]
    [InlineData(null, "select update", "select insert update delete")]
    [InlineData("select update", "", "select update")]
    [InlineData("update", "select", "")]
    public void Privileges_are_those_that_terms_and_scope_leave(string? listed, string statements, string left)
    {
        var login = listed is null ? null : new LoginTerms([], listed.Split(' '));
        Assert.Equal(left, string.Join(' ', LoginTerms.PrivilegesOf(login, new Scope([], statements.Split(' ', StringSplitOptions.RemoveEmptyEntries)))));
    }

    private static string Text(LoginTerms? login) => $"{string.Join(' ', login?.MemberOf ?? [])} / {string.Join(' ', login?.Privileges ?? [])}";

    private static GrantIssued IssuedUnder(string login) => (GrantIssued)((Outcome.Happened)AccessPlane.ControlPlane.AccessRequests.SubmitRequest.Decide(
        AccessPlane.ControlPlane.AccessRequests.AccessRequest.Initial,
        new AccessPlane.ControlPlane.AccessRequests.Submission(Request, Engineer, "read", null, null, null, Policy(login)))).Streams[0].Events[0];

    private static Circumstances Policy(string? login) => World.With(World.Text
        .Replace("{ id: orders, kind: postgresql }", "{ id: orders, kind: postgresql, masking: server }", StringComparison.Ordinal)
        .Replace("statements: [select, explain] }", $"statements: [select, explain, update] }}{(login is null ? "" : $"\n    login: {{ {login} }}")}", StringComparison.Ordinal), 2);
}

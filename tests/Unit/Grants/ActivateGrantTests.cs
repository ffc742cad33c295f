using AccessPlane.Contracts;
using AccessPlane.Contracts.Events;
using AccessPlane.Contracts.Identity;
using AccessPlane.ControlPlane.Grants;
using AccessPlane.ControlPlane.Policies;
using AccessPlane.Tests.Unit.Domain;
using Xunit;
using static AccessPlane.Tests.Unit.Domain.People;

namespace AccessPlane.Tests.Unit.Grants;

public sealed class ActivateGrantTests : GrantSpec
{
    private static Func<Grant, Outcome> Activate(Actor? by, Circumstances world) => s => ActivateGrant.Decide(s, new Activation(by, world));

    [Fact]
    public void The_end_is_an_absolute_time_set_at_activation()
    {
        var activated = Given(Issued(Engineer)).When(Activate(Engineer, World.Today.After("10m"))).Then(typeof(GrantActivated)).Happened<GrantActivated>();
        Assert.Equal(World.Noon.AddMinutes(10), activated.ActivatedAt);
        Assert.Equal(World.Noon.AddMinutes(70), activated.NotAfter);
    }

    [Fact]
    public void Activating_again_does_not_move_the_end()
    {
        var issued = Issued(Engineer);
        Given(issued, Activated(issued)).When(Activate(Engineer, World.Today.After("10m"))).ThenNothing();
    }

    [Fact]
    public void What_was_not_activated_in_time_lapses_even_before_the_timer()
    {
        Given(Issued(Engineer)).When(Activate(Engineer, World.Today.After("30m"))).ThenRefused("activation-lapsed", typeof(ActivationLapsed));
        Given(Issued(Engineer)).When(Activate(Engineer, World.Today.After("29m59s"))).Then(typeof(GrantActivated));
    }

    [Fact]
    public void An_active_grant_past_its_end_is_over_even_before_the_timer()
    {
        var issued = Issued(Engineer);
        Given(issued, Activated(issued)).When(Activate(Engineer, World.Today.After("1h"))).ThenRefused("grant-expired", typeof(GrantExpired));
    }

    [Fact]
    public void Only_the_holder_activates_and_others_do_not_learn_of_it()
    {
        Given(Issued(Engineer)).When(Activate(Engineer2, World.Today)).ThenRefused("no-such-grant");
        Given(Issued(Engineer)).When(Activate(Assistant, World.Today)).ThenRefused("no-such-grant");
        Given(Issued(Assistant)).When(Activate(Engineer, World.Today)).ThenRefused("no-such-grant");
        Given(Issued(Assistant)).When(Activate(Assistant, World.Today)).Then(typeof(GrantActivated));
    }

    // ——— policy changed after approval: intersect with today's
    [Fact]
    public void Todays_policy_shrinks_what_was_approved()
    {
        var narrower = World.With(World.Text
            .Replace("statements: [select, explain]", "statements: [select, show]", StringComparison.Ordinal)
            .Replace("max-duration: 8h", "max-duration: 30m", StringComparison.Ordinal)
            .Replace("max-connections: 50", "max-connections: 3", StringComparison.Ordinal)
            .Replace("kinds: [workload, ai-agent, person]", "kinds: [workload], once: true", StringComparison.Ordinal), 2);
        var activated = Given(Issued(Engineer)).When(Activate(Engineer, narrower)).Happened<GrantActivated>();
        Assert.Equal(["select"], activated.Scope.Statements);
        Assert.Equal(World.Noon.AddMinutes(30), activated.NotAfter);
        Assert.Equal(3, activated.MaxConnections);
        Assert.Equal([ActorKind.Workload], activated.TokenLogin.Kinds);
        Assert.True(activated.TokenLogin.Once);
        Assert.Equal(2, activated.PolicyVersion);
    }

    [Fact]
    public void Todays_policy_never_widens_what_was_approved()
    {
        var wider = World.With(World.Text
            .Replace("scope: { databases: [orders], statements: [select, explain] }", "scope: { databases: [orders, more] }", StringComparison.Ordinal)
            .Replace("max-connections: 50", "max-connections: 500", StringComparison.Ordinal)
            .Replace("max-duration: 8h", "max-duration: 80h", StringComparison.Ordinal), 2);
        var activated = Given(Issued(Engineer)).When(Activate(Engineer, wider)).Happened<GrantActivated>();
        Assert.Equal(["orders"], activated.Scope.Databases);
        Assert.Equal(["select", "explain"], activated.Scope.Statements);
        Assert.Equal(50, activated.MaxConnections);
        Assert.Equal(World.Noon.AddHours(1), activated.NotAfter);
    }

    [Theory]
    [InlineData("id: read", "id: reread")]
    [InlineData("who: { groups: [engineering, ci, ai-assistants] }", "who: { groups: [ci] }")]
    [InlineData("statements: [select, explain]", "statements: [vacuum]")]
    [InlineData("scope: { databases: [orders], statements", "scope: { databases: [other], statements")]
    [InlineData("directory:", "directory:\n  disabled: ['https://idp.example|engineer']")]
    public void Where_today_leaves_nothing_the_activation_is_refused_for_good(string from, string to) =>
        Given(Issued(Engineer)).When(Activate(Engineer, World.Changed(from, to))).ThenRefused("activation-refused", typeof(ActivationRefused));

    [Fact]
    public void Who_lost_the_group_since_cannot_activate() =>
        Given(Issued(Engineer)).When(Activate(Engineer with { Groups = [] }, World.Today)).ThenRefused("activation-refused", typeof(ActivationRefused));

    [Fact]
    public void A_lock_ends_the_grant_instead()
    {
        var issued = Issued(Engineer);
        foreach (var on in new[] { new LockTarget(Actor: Engineer.Key), new LockTarget(Resource: "orders"), new LockTarget(Grant: issued.Grant) })
        {
            Given(issued).When(Activate(Engineer, World.Today.LockedOn(on))).ThenRefused("locked", typeof(GrantRevoked));
        }
        Given(issued).When(Activate(Engineer, World.Today.LockedOn(new LockTarget(Grant: Request)))).Then(typeof(GrantActivated));
    }

    [Fact]
    public void What_is_over_is_not_activated() =>
        Given(Issued(Engineer), new GrantRevoked(Dba, "no")).When(Activate(Engineer, World.Today)).ThenRefused("grant-ended");
}

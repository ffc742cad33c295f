using AccessPlane.Contracts;
using AccessPlane.Contracts.Events;
using AccessPlane.Contracts.Messages;
using AccessPlane.ControlPlane.Policies;
using AccessPlane.ControlPlane.Resources;
using AccessPlane.Tests.Unit.Domain;
using Xunit;

namespace AccessPlane.Tests.Unit.Resources;

/// <summary>The SQL that was shown is the SQL that runs.</summary>
public sealed class ApplyMaskingTests : MaskingSpec
{
    private static readonly ResourceMaskingOrdered Ordered = new("orders", "orders", Plan, People.Admin);

    private static Func<Resource, Outcome> Apply(string? plan = null, string database = "orders", bool admin = true, Circumstances? world = null) => s => ApplyMasking.Decide(
        s, new MaskingOrder("orders", database, plan ?? Plan, People.Admin, admin, ["orders-agent", "orders-agent-2"], (world ?? ByServer).Model));

    [Fact]
    public void An_admin_orders_the_plan_that_was_reported_last()
    {
        Given(Registered, Reported()).When(Apply()).Then(Ordered);
        Given(Registered, Reported()).When(Apply(admin: false)).ThenRefused("admins-only");
    }

    [Fact]
    public void Another_plan_is_never_run_in_its_place()
    {
        var changed = Given(Registered, Reported(), Reported(sql: "CREATE SCHEMA other;", seconds: 1)).When(Apply());
        changed.ThenRefused("plan-changed");
        Given(Registered, Reported()).When(Apply(MaskingState.PlanOf("DROP SCHEMA shop"))).ThenRefused("plan-changed");
        // two agents may see a database differently: what either of them showed may be ordered, and the other one does not run it
        Given(Registered, Reported(), Reported(sql: "CREATE SCHEMA other;", agent: "orders-agent-2")).When(Apply()).Then(Ordered);
        Given(Registered, Reported(agent: "somebody-elses")).When(Apply()).ThenRefused("nothing-planned");
    }

    [Fact]
    public void What_is_in_force_is_not_ordered_again_and_what_did_not_come_to_it_is_tried_again()
    {
        Given(Registered, Reported(), Ordered, Reported(MaskingStatus.Ready, "")).When(Apply()).ThenNothing();
        Given(Registered, Reported(MaskingStatus.Ready, "")).When(Apply(MaskingState.PlanOf(""))).ThenRefused("nothing-planned");
        Given(Registered, Reported(), Ordered).When(Apply()).Then(Ordered);
        Given(Registered, Reported(), Ordered, Reported(MaskingStatus.Unavailable, null, "a lock was not got in time")).When(Apply()).Then(Ordered);
        // found in the database already, and no admin has ever consented
        Given(Registered, Reported(MaskingStatus.Ready)).When(Apply()).Then(Ordered);
    }

    [Fact]
    public void There_must_be_something_to_order()
    {
        Given().When(Apply()).ThenRefused("no-such-resource");
        Given(Registered).When(Apply()).ThenRefused("nothing-planned");
        Given(Registered, Reported()).When(Apply(database: "stock")).ThenRefused("nothing-planned");
        Given(Registered, Reported(MaskingStatus.Unavailable, "", "the credential may not create roles")).When(Apply(MaskingState.PlanOf(""))).ThenRefused("nothing-planned");
        Given(Registered, Reported()).When(Apply(world: World.Today)).ThenRefused("masking-by-wire");
        Given(Registered, Reported()).When(Apply(world: World.With("resources: []"))).ThenRefused("no-such-resource");
    }
}

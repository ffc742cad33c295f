using AccessPlane.Contracts;
using AccessPlane.Contracts.Events;
using AccessPlane.Contracts.Messages;
using AccessPlane.ControlPlane.Policies;
using AccessPlane.ControlPlane.Resources;
using AccessPlane.Tests.Unit.Domain;

namespace AccessPlane.Tests.Unit.Resources;

/// <summary>Words for masks that PostgreSQL enforces.</summary>
public abstract class MaskingSpec
{
    protected const string Sql = "CREATE SCHEMA masks;\n";
    protected static readonly string Plan = MaskingState.PlanOf(Sql);
    protected static readonly ResourceRegistered Registered = new("orders", "postgresql");
    protected static readonly MaskingFinding Way = new("definer", "public.peek(integer)", "shop.customers.card", "REVOKE EXECUTE ON FUNCTION public.peek(integer) FROM PUBLIC", true);

    /// <summary>Today's policy, but the database of `orders` hides columns.</summary>
    protected static Circumstances ByServer { get; } = World.Changed("{ id: orders, kind: postgresql }", "{ id: orders, kind: postgresql, masking: server }");

    protected static MaskingState State(
        MaskingStatus status = MaskingStatus.Planned, string sql = Sql, string? reason = null, string database = "orders", params MaskingFinding[] findings) =>
        new("orders", database, MaskingState.PlanOf(sql), status, reason, sql, findings);

    /// <param name="seconds">After noon, by the agent's clock.</param>
    protected static Func<Resource, Outcome> Report(MaskingState state, string agent = "orders-agent", int seconds = 0, bool serves = true, Circumstances? world = null) =>
        s => WhenMaskingReported.Decide(s, new MaskingReport(agent, state, World.Noon.AddSeconds(seconds), serves, (world ?? ByServer).Policy));

    protected static ResourceMaskingReported Reported(
        MaskingStatus status = MaskingStatus.Planned, string? sql = Sql, string? reason = null, string agent = "orders-agent", string database = "orders", int seconds = 0) =>
        new("orders", agent, database, sql is null ? Plan : MaskingState.PlanOf(sql), status, reason, sql, [], World.Noon.AddSeconds(seconds));

    protected static Situation<Resource> Given(params IEvent[] events) => new Specification<Resource>(Resource.Initial, Resource.Evolve).Given(events);
}

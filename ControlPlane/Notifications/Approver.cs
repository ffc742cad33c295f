using AccessPlane.Contracts;
using AccessPlane.Contracts.Events;

namespace AccessPlane.ControlPlane.Notifications;

/// <summary>An approver's client at the broker: there is one of the name, or there is none any more.</summary>
public abstract record Approver
{
    public const string StreamType = "approver";

    private Approver() { }

    public static Approver Initial { get; } = new None();

    /// <summary>Every event of an approver's stream.</summary>
    public static IReadOnlyList<Type> EventTypes { get; } = [typeof(ApproverAdded), typeof(ApproverRemoved)];

    public sealed record None : Approver;

    public sealed record Added(ApproverAdded Order) : Approver;

    public sealed record Removed : Approver;

    public static Approver Evolve(Approver state, IEvent e) => e switch
    {
        ApproverAdded added => new Added(added),
        ApproverRemoved when state is not Removed => new Removed(),
        _ => throw new InvalidOperationException($"`{e?.GetType().Name}` cannot happen to an approver that is {state?.GetType().Name}"),
    };
}

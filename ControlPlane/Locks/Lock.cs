using AccessPlane.Contracts;
using AccessPlane.Contracts.Events;

namespace AccessPlane.ControlPlane.Locks;

/// <summary>Deny-now: outranks every grant, until it is lifted or its time is over.</summary>
public abstract record Lock
{
    public const string StreamType = "lock";

    private Lock() { }

    public static Lock Initial { get; } = new None();

    /// <summary>Every event of a lock's stream.</summary>
    public static IReadOnlyList<Type> EventTypes { get; } = [typeof(LockPlaced), typeof(LockLiftProposed), typeof(LockLifted)];

    public string Name => GetType().Name;

    public sealed record None : Lock;

    public abstract record Known(LockPlaced Order) : Lock;

    /// <param name="Proposal">The last proposal to lift a lock on everything, whether or not it still counts.</param>
    public sealed record Placed(LockPlaced Order, LockLiftProposed? Proposal = null) : Known(Order);

    public sealed record Lifted(LockPlaced Order, LockLifted End) : Known(Order);

    public static Lock Evolve(Lock state, IEvent e) => (state, e) switch
    {
        (None, LockPlaced placed) => new Placed(placed),
        (Placed l, LockLiftProposed proposal) => l with { Proposal = proposal },
        (Placed l, LockLifted lifted) => new Lifted(l.Order, lifted),
        _ => throw new InvalidOperationException($"`{e.GetType().Name}` cannot happen to a lock that is {state.Name}"),
    };
}

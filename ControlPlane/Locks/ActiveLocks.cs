using System.Collections.Immutable;
using AccessPlane.Contracts.Events;
using AccessPlane.Contracts.Identity;
using AccessPlane.Contracts.Policy;

namespace AccessPlane.ControlPlane.Locks;

/// <summary>The locks that were placed and not lifted. Whether one still holds is a question of the time, asked with each look.</summary>
public sealed class ActiveLocks(ImmutableDictionary<Guid, Lock.Placed> all)
{
    public static ActiveLocks None { get; } = new(ImmutableDictionary<Guid, Lock.Placed>.Empty);

    public IEnumerable<Lock.Placed> All => all.Values;

    public static ActiveLocks Of(params IEnumerable<LockPlaced> locks) => locks.Aggregate(None, (sum, placed) => sum.With(placed));

    public ActiveLocks With(LockPlaced placed) => new(all.SetItem(placed.Lock, new Lock.Placed(placed)));
    public ActiveLocks With(LockLiftProposed proposal) =>
        all.TryGetValue(proposal.Lock, out var placed) ? new(all.SetItem(proposal.Lock, placed with { Proposal = proposal })) : this;
    public ActiveLocks Without(Guid id) => all.ContainsKey(id) ? new(all.Remove(id)) : this;

    /// <summary>The lock that stands against a holder's use of a resource, where there is one.</summary>
    public LockPlaced? Against(Actor holder, string resource, Guid? grant, PolicyModel policy, DateTimeOffset now) =>
        First(now, on => on.Meets(holder, resource, grant) || policy.Meets(on, holder));

    /// <summary>The lock that stands against an actor, whatever they do.</summary>
    public LockPlaced? Against(Actor actor, PolicyModel policy, DateTimeOffset now) => First(now, on => policy.Meets(on, actor));

    /// <summary>The lock that is on the actor themselves: one on everything says nothing of them.</summary>
    public LockPlaced? OnPerson(Actor actor, PolicyModel policy, DateTimeOffset now) => First(now, on => on.Everything is null && policy.Meets(on, actor));

    /// <summary>The lock on everything, while one stands.</summary>
    public LockPlaced? OnEverything(DateTimeOffset now) => First(now, on => on.Everything == true);

    public bool LocksAgent(string agent, DateTimeOffset now) => First(now, on => on.Everything == true || on.Agent == agent) is not null;

    public static bool Holds(LockPlaced placed, DateTimeOffset now) => placed.Until is not { } until || now < until;

    private LockPlaced? First(DateTimeOffset now, Func<LockTarget, bool> meets) =>
        all.Values.Select(l => l.Order).FirstOrDefault(l => Holds(l, now) && meets(l.On));
}

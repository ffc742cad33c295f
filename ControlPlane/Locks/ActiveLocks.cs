using System.Collections.Immutable;
using AccessPlane.Contracts.Events;
using AccessPlane.Contracts.Identity;
using AccessPlane.Contracts.Policy;

namespace AccessPlane.ControlPlane.Locks;

/// <summary>The locks that were placed and not lifted. Whether one still holds is a question of the time, asked with each look.</summary>
public sealed class ActiveLocks(ImmutableDictionary<Guid, LockPlaced> all)
{
    public static ActiveLocks None { get; } = new(ImmutableDictionary<Guid, LockPlaced>.Empty);

    public IEnumerable<LockPlaced> All => all.Values;

    public static ActiveLocks Of(params IEnumerable<LockPlaced> locks) => locks.Aggregate(None, (sum, placed) => sum.With(placed));

    public ActiveLocks With(LockPlaced placed) => new(all.SetItem(placed.Lock, placed));
    public ActiveLocks Without(Guid id) => all.ContainsKey(id) ? new(all.Remove(id)) : this;

    /// <summary>The lock that stands against a holder's use of a resource, where there is one.</summary>
    public LockPlaced? Against(Actor holder, string resource, Guid? grant, PolicyModel policy, DateTimeOffset now) =>
        all.Values.FirstOrDefault(l => Holds(l, now) && (l.On.Meets(holder, resource, grant) || policy.Meets(l.On, holder)));

    /// <summary>The lock that stands against an actor, whatever they do.</summary>
    public LockPlaced? Against(Actor actor, PolicyModel policy, DateTimeOffset now) =>
        all.Values.FirstOrDefault(l => Holds(l, now) && policy.Meets(l.On, actor));

    public bool LocksAgent(string agent, DateTimeOffset now) => all.Values.Any(l => Holds(l, now) && l.On.Agent == agent);

    public static bool Holds(LockPlaced placed, DateTimeOffset now) => placed.Until is not { } until || now < until;
}

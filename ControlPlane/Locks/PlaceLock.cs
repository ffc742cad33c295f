using AccessPlane.Contracts;
using AccessPlane.Contracts.Events;
using AccessPlane.Contracts.Identity;
using AccessPlane.ControlPlane.EventStore;

namespace AccessPlane.ControlPlane.Locks;

public sealed record LockPlacement(Guid Lock, LockTarget On, string Reason, DateTimeOffset? Until, Actor By, bool IsAdmin, DateTimeOffset Now);

/// <summary>An admin stops an actor, a resource, an agent or a grant at once.</summary>
public sealed partial class PlaceLock(Handle handle, TimeProvider clock)
{
    public static Outcome Decide(Lock state, LockPlacement order)
    {
        if (!order.IsAdmin)
        {
            return Outcome.Refuse("admins-only", "locks are for admins");
        }
        if (order.Until <= order.Now)
        {
            return new Outcome.Refused(new Refusal("invalid", "`until` must be in the future")
            {
                Errors = new Dictionary<string, string[]> { ["until"] = ["must be in the future"] },
            });
        }
        return state is Lock.None
            ? Outcome.Of(new LockPlaced(order.Lock, order.On, order.Reason, order.Until, order.By))
            : Outcome.Refuse("lock-exists", "this lock was already placed");
    }

    public async Task<Handled<Lock>> Handle(
        LockTarget on, string reason, DateTimeOffset? until, Actor by, bool isAdmin, EventContext context, Guid? command, CancellationToken cancel)
    {
        var now = clock.GetUtcNow();
        var order = new LockPlacement(command is { } id ? Ids.Derive(id, "lock") : Guid.CreateVersion7(now), on, reason, until, by, isAdmin, now);
        return await handle.Run(
            new Handling<Lock>(order.Lock, Lock.StreamType, Lock.Initial, Lock.Evolve, state => Decide(state, order), context, command), cancel);
    }
}

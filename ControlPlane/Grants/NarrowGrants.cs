using AccessPlane.Contracts;
using AccessPlane.Contracts.Events;
using AccessPlane.ControlPlane.EventStore;
using AccessPlane.ControlPlane.Policies;

namespace AccessPlane.ControlPlane.Grants;

/// <summary>Looks at grants again because the world changed.</summary>
public sealed class NarrowGrants(Handle handle, CircumstancesSource world, OpenGrants open)
{
    /// <param name="because">A lock on everything ends what there is even where it was lifted before anyone came to look: too much ends rather than too little.</param>
    public async Task All(EventContext context, CancellationToken cancel, LockPlaced? because = null)
    {
        // of thousands a change concerns few: those are looked at in their own streams. What began or grew since the world was asked for has an event of its own
        var now = await Now(because, cancel);
        foreach (var grant in (await open.Current(cancel)).All.Where(g => NarrowGrant.Decide(g, now) != Outcome.Nothing))
        {
            await One(grant.Id, context, cancel, because);
        }
    }

    public async Task One(Guid grant, EventContext context, CancellationToken cancel, LockPlaced? because = null)
    {
        var now = await Now(because, cancel);
        await handle.Run(
            new Handling<Grant>(
                grant, Grant.StreamType, Grant.Initial, Grant.Evolve, state => NarrowGrant.Decide(state, now),
                context with { PolicyVersion = now.Policy.Version }),
            cancel);
    }

    private async Task<Circumstances> Now(LockPlaced? because, CancellationToken cancel)
    {
        var now = await world.Now(cancel);
        return because is { On.Everything: true } ? now with { Locks = now.Locks.With(because) } : now;
    }
}

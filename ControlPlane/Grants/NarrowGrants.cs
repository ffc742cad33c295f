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
        foreach (var grant in (await open.Current(cancel)).All)
        {
            await One(grant.Id, context, cancel, because);
        }
    }

    public async Task One(Guid grant, EventContext context, CancellationToken cancel, LockPlaced? because = null)
    {
        var now = await world.Now(cancel);
        if (because is { On.Everything: true })
        {
            now = now with { Locks = now.Locks.With(because) };
        }
        await handle.Run(
            new Handling<Grant>(
                grant, Grant.StreamType, Grant.Initial, Grant.Evolve, state => NarrowGrant.Decide(state, now),
                context with { PolicyVersion = now.Policy.Version }),
            cancel);
    }
}

using AccessPlane.Contracts;
using AccessPlane.ControlPlane.EventStore;
using AccessPlane.ControlPlane.Policies;

namespace AccessPlane.ControlPlane.Grants;

/// <summary>Looks at grants again because the world changed.</summary>
public sealed class NarrowGrants(Handle handle, CircumstancesSource world, OpenGrants open)
{
    public async Task All(EventContext context, CancellationToken cancel)
    {
        foreach (var grant in (await open.Current(cancel)).All)
        {
            await One(grant.Id, context, cancel);
        }
    }

    public async Task One(Guid grant, EventContext context, CancellationToken cancel)
    {
        var now = await world.Now(cancel);
        await handle.Run(
            new Handling<Grant>(
                grant, Grant.StreamType, Grant.Initial, Grant.Evolve, state => NarrowGrant.Decide(state, now),
                context with { PolicyVersion = now.Policy.Version }),
            cancel);
    }
}

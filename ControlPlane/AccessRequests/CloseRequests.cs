using AccessPlane.Contracts;
using AccessPlane.ControlPlane.EventStore;
using AccessPlane.ControlPlane.Policies;

namespace AccessPlane.ControlPlane.AccessRequests;

/// <summary>Looks at pending requests again because the world changed.</summary>
public sealed class CloseRequests(Handle handle, CircumstancesSource world, OpenRequests open)
{
    public async Task All(EventContext context, CancellationToken cancel)
    {
        foreach (var request in await open.Current(cancel))
        {
            await One(request.Id, context, cancel);
        }
    }

    public async Task One(Guid request, EventContext context, CancellationToken cancel)
    {
        var now = await world.Now(cancel);
        await handle.Run(
            new Handling<AccessRequest>(
                request, AccessRequest.StreamType, AccessRequest.Initial, AccessRequest.Evolve, state => Closing.Decide(state, now),
                context with { PolicyVersion = now.Policy.Version }),
            cancel);
    }
}

using AccessPlane.Contracts;
using AccessPlane.Contracts.Events;
using AccessPlane.Contracts.Policy;
using AccessPlane.ControlPlane.EventStore;

namespace AccessPlane.ControlPlane.Resources;

/// <summary>Resources appear and leave with the policy. Requests and grants of those that left are closed by the features they belong to.</summary>
public sealed class WhenPolicyPublished(Handle handle, EventLog log) : Subscription
{
    public override string Name => "resources-when-policy-published";

    public override IReadOnlyCollection<string>? Types { get; } = [EventNames.Of(typeof(PolicyPublished))];

    public override async Task Handle(IReadOnlyList<Stored> events, CancellationToken cancel)
    {
        foreach (var stored in events)
        {
            var published = (PolicyPublished)stored.Event;
            var policy = new PublishedPolicy(published.Version, published.Hash, published.Model);
            foreach (var id in (await NamedBefore(published.Version, cancel)).Concat(published.Model.Resources.Select(r => r.Id)).Distinct())
            {
                await handle.Run(
                    new Handling<Resource>(
                        Ids.Resource(id), Resource.StreamType, Resource.Initial, Resource.Evolve, state => RegisterResource.Decide(state, id, policy),
                        Consequence.Of(stored, "resources") with { PolicyVersion = policy.Version }, Ids.Derive(stored.Id, $"resource/{id}")),
                    cancel);
            }
        }
    }

    /// <summary>What the version before named: what is not named any more has left.</summary>
    private async Task<IEnumerable<string>> NamedBefore(long version, CancellationToken cancel) =>
        (await log.ReadStream(Ids.Policy, cancel)).Where(s => s.Version == version - 1)
            .SelectMany(s => ((PolicyPublished)s.Event).Model.Resources.Select(r => r.Id));
}

using System.Collections.Concurrent;
using AccessPlane.Contracts;
using AccessPlane.Contracts.Events;
using AccessPlane.Contracts.Policy;
using AccessPlane.ControlPlane.EventStore;

namespace AccessPlane.ControlPlane.Policies;

/// <summary>Policies that are or were in force, by version. What was published once never changes.</summary>
public sealed class PolicyVersions(EventLog log)
{
    private readonly ConcurrentDictionary<long, PublishedPolicy> known = new() { [0] = PublishedPolicy.None };

    /// <summary>Null where there is no such version.</summary>
    public async ValueTask<PublishedPolicy?> Find(long version, CancellationToken cancel)
    {
        if (known.TryGetValue(version, out var policy))
        {
            return policy;
        }
        foreach (var published in (await log.ReadStream(Ids.Policy, cancel)).Select(s => s.Event).OfType<PolicyPublished>())
        {
            known.TryAdd(published.Version, PolicySource.Of(published));
        }
        return known.GetValueOrDefault(version);
    }
}

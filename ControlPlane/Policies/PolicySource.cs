using AccessPlane.Contracts.Events;
using AccessPlane.Contracts.Policy;
using AccessPlane.ControlPlane.EventStore;

namespace AccessPlane.ControlPlane.Policies;

/// <summary>The policy in force: always the newest that was published, by whichever replica.</summary>
public sealed class PolicySource(LogTail tail) : IDisposable
{
    private readonly LogFold<PublishedPolicy> fold = new(
        tail, PublishedPolicy.None, [EventNames.Of(typeof(PolicyPublished))],
        (_, stored) => Of((PolicyPublished)stored.Event));

    private PublishedPolicy own = PublishedPolicy.None;

    public async ValueTask<PublishedPolicy> Current(CancellationToken cancel)
    {
        var settled = await fold.Current(cancel);
        var published = Volatile.Read(ref own);
        return published.Version > settled.Version ? published : settled;
    }

    /// <summary>What this replica published itself is in force at once, even while an older transaction keeps the log's head from settling.</summary>
    internal void Published(PublishedPolicy policy)
    {
        for (var seen = Volatile.Read(ref own); policy.Version > seen.Version;)
        {
            var before = Interlocked.CompareExchange(ref own, policy, seen);
            if (before == seen)
            {
                return;
            }
            seen = before;
        }
    }

    internal static PublishedPolicy Of(PolicyPublished published) => new(published.Version, published.Hash, published.Model);

    public void Dispose() => fold.Dispose();
}

using System.Collections.Immutable;
using AccessPlane.Contracts.Events;
using AccessPlane.ControlPlane.EventStore;

namespace AccessPlane.ControlPlane.AccessRequests;

/// <summary>The requests that are pending, from the log.</summary>
public sealed class OpenRequests(LogTail tail) : IDisposable
{
    private readonly LogFold<ImmutableDictionary<Guid, AccessRequest.Submitted>> fold = new(
        tail, ImmutableDictionary<Guid, AccessRequest.Submitted>.Empty, [.. AccessRequest.EventTypes.Select(EventNames.Of)],
        (open, stored) =>
        {
            var before = open.TryGetValue(stored.Stream, out var pending) ? pending : AccessRequest.Initial;
            return AccessRequest.Evolve(before, stored.Event) is AccessRequest.Submitted still ? open.SetItem(stored.Stream, still) : open.Remove(stored.Stream);
        });

    public async ValueTask<IReadOnlyCollection<AccessRequest.Submitted>> Current(CancellationToken cancel) =>
        [.. (await fold.Current(cancel)).Values];

    public void Dispose() => fold.Dispose();
}

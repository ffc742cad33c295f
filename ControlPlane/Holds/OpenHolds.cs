using System.Collections.Immutable;
using AccessPlane.Contracts.Events;
using AccessPlane.ControlPlane.EventStore;

namespace AccessPlane.ControlPlane.Holds;

/// <summary>The operations that wait, from the log.</summary>
public sealed class OpenHolds(LogTail tail) : IDisposable
{
    private readonly LogFold<ImmutableDictionary<Guid, Hold.Waiting>> fold = new(
        tail, ImmutableDictionary<Guid, Hold.Waiting>.Empty, [.. Hold.EventTypes.Select(EventNames.Of)],
        (open, stored) => stored.Event is OperationHeld
            ? open.SetItem(stored.Stream, (Hold.Waiting)Hold.Evolve(Hold.Initial, stored.Event))
            : open.TryGetValue(stored.Stream, out var waiting)
                ? Hold.Evolve(waiting, stored.Event) is Hold.Waiting still ? open.SetItem(stored.Stream, still) : open.Remove(stored.Stream)
                : open); // it had ended before: at its agent, or by a decision that came too late there

    public async ValueTask<IReadOnlyCollection<Hold.Waiting>> Current(CancellationToken cancel) => [.. (await fold.Current(cancel)).Values];

    public void Dispose() => fold.Dispose();
}

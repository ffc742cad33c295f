using AccessPlane.Contracts.Events;
using AccessPlane.ControlPlane.EventStore;

namespace AccessPlane.ControlPlane.Locks;

/// <summary>The locks in force, from the log.</summary>
public sealed class LockSource(LogTail tail) : IDisposable
{
    private readonly LogFold<ActiveLocks> fold = new(
        tail, ActiveLocks.None, [.. Lock.EventTypes.Select(EventNames.Of)],
        (locks, stored) => stored.Event switch
        {
            LockPlaced placed => locks.With(placed),
            LockLiftProposed proposal => locks.With(proposal),
            LockLifted lifted => locks.Without(lifted.Lock),
            _ => throw new InvalidOperationException($"`{stored.Event.GetType().Name}` is not about locks"),
        });

    public ValueTask<ActiveLocks> Current(CancellationToken cancel) => fold.Current(cancel);

    public void Dispose() => fold.Dispose();
}

using AccessPlane.Contracts.Events;
using AccessPlane.ControlPlane.EventStore;

namespace AccessPlane.ControlPlane.Locks;

/// <summary>The locks in force, from the log.</summary>
public sealed class LockSource(EventLog log) : IDisposable
{
    private readonly LogFold<ActiveLocks> fold = new(
        log, ActiveLocks.None, [EventNames.Of(typeof(LockPlaced)), EventNames.Of(typeof(LockLifted))],
        (locks, stored) => stored.Event switch
        {
            LockPlaced placed => locks.With(placed),
            LockLifted lifted => locks.Without(lifted.Lock),
            _ => throw new InvalidOperationException($"`{stored.Event.GetType().Name}` is not about locks"),
        });

    public ValueTask<ActiveLocks> Current(CancellationToken cancel) => fold.Current(cancel);

    public void Dispose() => fold.Dispose();
}

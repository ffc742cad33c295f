using AccessPlane.Contracts.Events;
using AccessPlane.ControlPlane.EventStore;

namespace AccessPlane.ControlPlane.Locks;

/// <summary>Locks that have an end are lifted at it, for the record: who asks whether a lock holds looks at the time anyway.</summary>
public sealed class LockDeadlines(TimeProvider clock, ILogger<LockDeadlines> logger, LockSource locks, LiftLock lift) : Deadlines(clock, logger)
{
    public override string Name => "lock-deadlines";

    public override IReadOnlyCollection<string>? Types { get; } = [EventNames.Of(typeof(LockPlaced))];

    protected override async Task<IReadOnlyList<Deadline>> Open(CancellationToken cancel) =>
        [.. from placed in (await locks.Current(cancel)).All
            let until = placed.Order.Until
            where until is not null
            select new Deadline(placed.Order.Lock, until.Value)];

    protected override Task Act(Guid stream, DateTimeOffset now, CancellationToken cancel) =>
        lift.Handle(stream, null, false, Consequence.OfTime("locks", stream, now), null, null, cancel);
}

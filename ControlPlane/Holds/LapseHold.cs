using AccessPlane.Contracts;
using AccessPlane.Contracts.Events;
using AccessPlane.ControlPlane.EventStore;

namespace AccessPlane.ControlPlane.Holds;

/// <summary>Time is up for an operation that waits. The timer may come late, early or twice.</summary>
public static class LapseHold
{
    public static Outcome Decide(Hold state, DateTimeOffset now) =>
        state is Hold.Waiting w && now >= w.Held.ExpiresAt ? Outcome.Of(new HoldLapsed(w.Held.ExpiresAt)) : Outcome.Nothing;
}

/// <summary>Holds lapse.</summary>
public sealed class HoldDeadlines(TimeProvider clock, ILogger<HoldDeadlines> logger, OpenHolds open, Handle handle) : Deadlines(clock, logger)
{
    public override string Name => "hold-deadlines";

    public override IReadOnlyCollection<string>? Types { get; } = [EventNames.Of(typeof(OperationHeld))];

    protected override async Task<IReadOnlyList<Deadline>> Open(CancellationToken cancel) =>
        [.. (await open.Current(cancel)).Select(h => new Deadline(h.Id, h.Held.ExpiresAt))];

    protected override Task Act(Guid stream, DateTimeOffset now, CancellationToken cancel) => handle.Run(
        new Handling<Hold>(
            stream, Hold.StreamType, Hold.Initial, Hold.Evolve, state => LapseHold.Decide(state, now), Consequence.OfTime("holds", stream, now)),
        cancel);
}

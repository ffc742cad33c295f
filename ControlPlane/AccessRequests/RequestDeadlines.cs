using AccessPlane.Contracts.Events;
using AccessPlane.ControlPlane.EventStore;

namespace AccessPlane.ControlPlane.AccessRequests;

/// <summary>Pending requests expire.</summary>
public sealed class RequestDeadlines(TimeProvider clock, ILogger<RequestDeadlines> logger, OpenRequests open, Handle handle) : Deadlines(clock, logger)
{
    public override string Name => "request-deadlines";

    public override IReadOnlyCollection<string>? Types { get; } = [EventNames.Of(typeof(RequestSubmitted))];

    protected override async Task<IReadOnlyList<Deadline>> Open(CancellationToken cancel) =>
        [.. (await open.Current(cancel)).Select(r => new Deadline(r.Id, r.Asked.ExpiresAt))];

    protected override Task Act(Guid stream, DateTimeOffset now, CancellationToken cancel) => handle.Run(
        new Handling<AccessRequest>(
            stream, AccessRequest.StreamType, AccessRequest.Initial, AccessRequest.Evolve, state => ExpireRequest.Decide(state, now),
            Consequence.OfTime("requests", stream, now)),
        cancel);
}

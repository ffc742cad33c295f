using AccessPlane.Contracts;
using AccessPlane.Contracts.Events;
using AccessPlane.Contracts.Identity;
using AccessPlane.ControlPlane.EventStore;

namespace AccessPlane.ControlPlane.Integrations;

/// <summary>What a destination was not told stays in the log, with the fact that it was not: each in a stream of its own, so that what is recorded twice is there
/// once.</summary>
internal sealed class GivenUp(EventLog log, string destination)
{
    private static readonly Actor Product = Actor.System("integrations");

    public async Task<bool> IsRecorded(Stored cause, string kind, CancellationToken cancel) => (await log.ReadStream(StreamOf(cause, kind), cancel)).Count > 0;

    public async Task Record(Stored cause, string kind, Failed failed, CancellationToken cancel) => await log.Append(
        new Append(
            [
                new StreamAppend(
                    StreamOf(cause, kind), "integration", 0, [new DeliveryGivenUp(destination, kind, cause.Id, cause.Position, failed.Attempts, failed.Why)]),
            ],
            new EventContext(Product, cause.Context.Correlation, cause.Id)),
        cancel);

    private Guid StreamOf(Stored cause, string kind) => Ids.Derive(cause.Id, $"given-up/{destination}/{kind}");
}

using AccessPlane.Contracts;
using AccessPlane.Contracts.Events;
using AccessPlane.ControlPlane.EventStore;

namespace AccessPlane.ControlPlane.AccessRequests;

/// <summary>
/// A lock was placed or a policy published: pending requests that cannot stand any more are cancelled. A request that was filed at the same
/// moment, and did not see it, is looked at when its own event comes by.
/// </summary>
public sealed class WhenWorldChanges(CloseRequests close) : Subscription
{
    public override string Name => "requests-when-world-changes";

    public override IReadOnlyCollection<string>? Types { get; } =
        [EventNames.Of(typeof(LockPlaced)), EventNames.Of(typeof(PolicyPublished)), EventNames.Of(typeof(RequestSubmitted))];

    public override async Task Handle(IReadOnlyList<Stored> events, CancellationToken cancel)
    {
        foreach (var stored in events)
        {
            var context = Consequence.Of(stored, "requests");
            if (stored.Event is RequestSubmitted submitted)
            {
                await close.One(submitted.Request, context, cancel);
            }
            else
            {
                await close.All(context, cancel);
            }
        }
    }
}

using AccessPlane.Contracts;
using AccessPlane.Contracts.Events;
using AccessPlane.ControlPlane.EventStore;

namespace AccessPlane.ControlPlane.Grants;

/// <summary>
/// A lock was placed or a policy published: grants that cannot stand any more are narrowed or revoked. A grant that began or grew at the same
/// moment, and did not see it, is looked at when its own event comes by.
/// </summary>
public sealed class WhenWorldChanges(NarrowGrants narrow) : Subscription
{
    public override string Name => "grants-when-world-changes";

    public override IReadOnlyCollection<string>? Types { get; } =
    [
        EventNames.Of(typeof(LockPlaced)), EventNames.Of(typeof(PolicyPublished)), EventNames.Of(typeof(GrantIssued)), EventNames.Of(typeof(GrantActivated)),
        EventNames.Of(typeof(GrantExtended)),
    ];

    public override async Task Handle(IReadOnlyList<Stored> events, CancellationToken cancel)
    {
        foreach (var stored in events)
        {
            var context = Consequence.Of(stored, "grants");
            if (stored.Event is LockPlaced or PolicyPublished)
            {
                await narrow.All(context, cancel, stored.Event as LockPlaced);
            }
            else
            {
                await narrow.One(stored.Stream, context, cancel);
            }
        }
    }
}

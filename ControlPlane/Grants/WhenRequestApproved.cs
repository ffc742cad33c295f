using AccessPlane.Contracts;
using AccessPlane.Contracts.Events;
using AccessPlane.ControlPlane.AccessRequests;
using AccessPlane.ControlPlane.EventStore;

namespace AccessPlane.ControlPlane.Grants;

/// <summary>An extension that was approved moves the end; a login that waits for its implicit request gets its grant activated.</summary>
public sealed class WhenRequestApproved(Handle handle, ExtendGrant extend, ActivateGrant activate) : Subscription
{
    public override string Name => "grants-when-request-approved";

    public override IReadOnlyCollection<string>? Types { get; } = [EventNames.Of(typeof(RequestApproved))];

    public override async Task Handle(IReadOnlyList<Stored> events, CancellationToken cancel)
    {
        foreach (var stored in events)
        {
            var context = Consequence.Of(stored, "grants");
            var (state, _) = await handle.Load(stored.Stream, AccessRequest.StreamType, AccessRequest.Initial, AccessRequest.Evolve, cancel);
            switch (state)
            {
                case AccessRequest.Approved { Asked.Extends: not null } approved:
                    await extend.Apply(approved, context, cancel);
                    break;
                case AccessRequest.Approved { Asked.Implicit: true } approved:
                    await activate.Handle(approved.Grant, null, context, Ids.Derive(approved.Id, "activate"), null, cancel);
                    break;
                default:
                    break; // who asked explicitly decides when their time begins
            }
        }
    }
}

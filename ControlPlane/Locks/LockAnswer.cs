using AccessPlane.Contracts.Events;
using AccessPlane.ControlPlane.EventStore;
using AccessPlane.ControlPlane.Http;

namespace AccessPlane.ControlPlane.Locks;

/// <summary>A lock as the API shows it.</summary>
/// <param name="State">`Placed` or `Lifted`.</param>
/// <param name="PlacedBy">`issuer|subject`.</param>
/// <param name="LiftProposedBy">`issuer|subject` of the admin who wants to lift a lock on everything.</param>
/// <param name="LiftProposedUntil">Until then another admin can confirm it.</param>
public sealed record LockAnswer(
    Guid Id, string State, LockTarget On, string Reason, DateTimeOffset? Until, string PlacedBy, string? LiftProposedBy = null,
    DateTimeOffset? LiftProposedUntil = null)
{
    public static LockAnswer Of(Lock.Known state)
    {
        ArgumentNullException.ThrowIfNull(state);
        var (order, proposal) = (state.Order, (state as Lock.Placed)?.Proposal);
        return new LockAnswer(order.Lock, state.Name, order.On, order.Reason, order.Until, order.By.Key, proposal?.By.Key, proposal?.Until);
    }

    internal static IResult Answer(Handled<Lock> handled, Caller caller)
    {
        var known = handled.State as Lock.Known;
        return handled.Refusal is { } refusal
            ? Problems.Of(refusal, known is not null && (caller.IsAdmin || caller.IsAuditor) ? Of(known) : null)
            : known is Lock.Placed { Proposal: not null } ? Answers.Accepted(Of(known), handled.Version)
            : Answers.Ok(Of(known!), handled.Version);
    }
}

using AccessPlane.Contracts.Events;
using AccessPlane.ControlPlane.EventStore;
using AccessPlane.ControlPlane.Http;

namespace AccessPlane.ControlPlane.Locks;

/// <summary>A lock as the API shows it.</summary>
/// <param name="State">`Placed` or `Lifted`.</param>
/// <param name="PlacedBy">`issuer|subject`.</param>
public sealed record LockAnswer(Guid Id, string State, LockTarget On, string Reason, DateTimeOffset? Until, string PlacedBy)
{
    public static LockAnswer Of(Lock.Known state)
    {
        ArgumentNullException.ThrowIfNull(state);
        var order = state.Order;
        return new LockAnswer(order.Lock, state.Name, order.On, order.Reason, order.Until, order.By.Key);
    }

    internal static IResult Answer(Handled<Lock> handled, Caller caller)
    {
        var known = handled.State as Lock.Known;
        return handled.Refusal is { } refusal
            ? Problems.Of(refusal, known is not null && (caller.IsAdmin || caller.IsAuditor) ? Of(known) : null)
            : Answers.Ok(Of(known!), handled.Version);
    }
}

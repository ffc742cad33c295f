using AccessPlane.Contracts;
using AccessPlane.Contracts.Events;
using AccessPlane.Contracts.Identity;
using AccessPlane.Contracts.Messages;
using AccessPlane.ControlPlane.EventStore;

namespace AccessPlane.ControlPlane.Holds;

/// <summary>
/// The agent's word that an operation does not wait any more and has not run: its client took it back or left, its session ended, its time was over
/// there. A release that came too late for it is void, and is said to be.
/// </summary>
public sealed class AbandonHold(Handle handle)
{
    public static Outcome Decide(Hold state, string agent, HoldEnd end)
    {
        ArgumentNullException.ThrowIfNull(end);
        return state switch
        {
            Hold.Known k when k.Held.Agent != agent => Outcome.Refuse("hold-not-believed", "the hold is another agent's"),
            Hold.None => Outcome.Of(new HoldAbandoned(end.Why)),
            Hold.Waiting w => Outcome.Of(end.Outcome == "lapsed" ? new HoldLapsed(w.Held.ExpiresAt) : new HoldAbandoned(end.Why)),
            Hold.Released => Outcome.Of(new HoldAbandoned($"it was released, and did not run: {end.Why}")),
            _ => Outcome.Nothing,
        };
    }

    /// <returns>Why it was not taken; null when it was.</returns>
    public async Task<string?> Handle(string agent, HoldEnd end, Guid report, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(end);
        var handled = await handle.Run(
            new Handling<Hold>(
                end.Hold, Hold.StreamType, Hold.Initial, Hold.Evolve, state => Decide(state, agent, end),
                new EventContext(Actor.System($"agent {agent}"), report), Ids.Derive(end.Hold, $"ended/{agent}")),
            cancel);
        return handled.Refusal?.Detail;
    }
}

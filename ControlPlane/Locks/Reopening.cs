using System.Globalization;
using AccessPlane.Contracts;
using AccessPlane.Contracts.Events;
using AccessPlane.Contracts.Identity;
using AccessPlane.Contracts.Policy;
using AccessPlane.ControlPlane.Policies;

namespace AccessPlane.ControlPlane.Locks;

/// <summary>
/// What one admin has closed, two open again: one proposes, another confirms. Whoever holds one admin's token, or the several identities of one
/// admin, cannot undo what was done against exactly them.
/// </summary>
public static class Reopening
{
    /// <summary>A proposal that nobody confirmed is not found and confirmed by accident long after.</summary>
    public static readonly TimeSpan Stands = TimeSpan.FromMinutes(15);

    /// <param name="by">An admin.</param>
    public static Outcome Decide(Lock.Placed state, Actor by, Circumstances world)
    {
        ArgumentNullException.ThrowIfNull(state);
        ArgumentNullException.ThrowIfNull(by);
        ArgumentNullException.ThrowIfNull(world);
        if (WhyNot(by, world) is { } refusal)
        {
            return new Outcome.Refused(refusal);
        }
        if (state.Proposal is not { } proposal || world.Now >= proposal.Until || WhyNot(proposal.By, world) is not null)
        {
            return Outcome.Of(new LockLiftProposed(state.Order.Lock, by, world.Now + Stands));
        }
        // INVARIANT: two persons, not two names: linked identities and owned workloads are one
        return world.Model.Behind(by).Overlaps(world.Model.Behind(proposal.By))
            ? Outcome.Refuse(
                "second-admin-needed",
                $"`{proposal.By.Display}` has proposed it and is the same person: another admin must confirm it before {Time(proposal.Until)}")
            : Outcome.Of(new LockLifted(state.Order.Lock, by, $"proposed by {proposal.By.Display}, confirmed by {by.Display}"));
    }

    private static Refusal? WhyNot(Actor by, Circumstances world) =>
        by.Act.Count > 0 || by.Kind != ActorKind.Person
            ? new Refusal("reviewer-not-a-person", $"`{by.Display}` is not a person acting themselves: only people open again what was closed")
        : world.Model.IsDisabled(by) ? new Refusal("actor-disabled", $"`{by.Display}` is disabled")
        : world.Locks.OnPerson(by, world.Model, world.Now) is { } locked ? new Refusal("locked", $"a lock stands against `{by.Display}`: {locked.Reason}")
        : null;

    private static string Time(DateTimeOffset at) => at.UtcDateTime.ToString("HH:mm:ss 'UTC'", CultureInfo.InvariantCulture);
}

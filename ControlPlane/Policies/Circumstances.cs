using AccessPlane.Contracts.Identity;
using AccessPlane.Contracts.Policy;
using AccessPlane.ControlPlane.Locks;

namespace AccessPlane.ControlPlane.Policies;

/// <summary>What a decider is told of the world: the time, the policy in force, the locks placed. Inputs, so that deciders stay pure.</summary>
public sealed record Circumstances(DateTimeOffset Now, PublishedPolicy Policy, ActiveLocks Locks)
{
    public PolicyModel Model => Policy.Model;

    /// <summary>Why the vote of somebody who reviewed before does not count any more; null where it does.</summary>
    /// <param name="persons">Whose votes count: each person does once, and joins them here.</param>
    public string? WhyLapsed(Actor voter, ApprovalStep step, Actor requester, HashSet<string> persons) =>
        Model.WhyNotReview(step, requester, voter)?.Detail
        ?? (Locks.Against(voter, Model, Now) is null ? null : $"a lock stands against `{voter.Display}`")
        ?? (persons.Add(Model.PersonOf(voter.Key)) ? null : $"`{voter.Display}` is a person who has voted already");
}

/// <summary>Looks at the world once for one command.</summary>
public sealed class CircumstancesSource(PolicySource policy, LockSource locks, TimeProvider clock)
{
    public async ValueTask<Circumstances> Now(CancellationToken cancel)
    {
        var published = await policy.Current(cancel);
        var placed = await locks.Current(cancel);
        // PostgreSQL keeps microseconds: times that go into events must survive storage unchanged
        var now = clock.GetUtcNow();
        return new Circumstances(now.AddTicks(-(now.Ticks % TimeSpan.TicksPerMicrosecond)), published, placed);
    }
}

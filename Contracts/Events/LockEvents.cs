using AccessPlane.Contracts.Identity;

namespace AccessPlane.Contracts.Events;

/// <summary>What a lock is on; exactly one member is set. <paramref name="Actor"/> is `issuer|subject` and meets every link of a delegation chain.</summary>
/// <param name="Everything">Only ever true: nobody uses or reviews anything.</param>
public sealed record LockTarget(string? Actor = null, string? Resource = null, string? Agent = null, Guid? Grant = null, bool? Everything = null)
{
    /// <summary>Whether a grant held by <paramref name="holder"/> on <paramref name="resource"/> is locked.</summary>
    public bool Meets(Actor holder, string resource, Guid? grant)
    {
        ArgumentNullException.ThrowIfNull(holder);
        return Everything == true ||
            (Actor is not null && holder.Links.Any(l => l.Key == Actor)) ||
            (Resource is not null && Resource == resource) ||
            (Grant is not null && Grant == grant);
    }
}

/// <summary>Deny-now: outranks every grant.</summary>
public sealed record LockPlaced(Guid Lock, LockTarget On, string Reason, DateTimeOffset? Until, Actor By) : IEvent;

/// <summary>An admin wants to open again what a lock on everything has closed; it counts until <paramref name="Until"/> if another one says so too.</summary>
public sealed record LockLiftProposed(Guid Lock, Actor By, DateTimeOffset Until) : IEvent;

public sealed record LockLifted(Guid Lock, Actor? By, string Why) : IEvent;

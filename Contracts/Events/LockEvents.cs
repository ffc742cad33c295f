using AccessPlane.Contracts.Identity;

namespace AccessPlane.Contracts.Events;

/// <summary>What a lock is on; exactly one member is set. <paramref name="Actor"/> is `issuer|subject` and meets every link of a delegation chain.</summary>
public sealed record LockTarget(string? Actor = null, string? Resource = null, string? Agent = null, Guid? Grant = null)
{
    /// <summary>Whether a grant held by <paramref name="holder"/> on <paramref name="resource"/> is locked.</summary>
    public bool Meets(Actor holder, string resource, Guid? grant)
    {
        ArgumentNullException.ThrowIfNull(holder);
        return (Actor is not null && holder.Links.Any(l => l.Key == Actor)) ||
            (Resource is not null && Resource == resource) ||
            (Grant is not null && Grant == grant);
    }
}

/// <summary>Deny-now: outranks every grant.</summary>
public sealed record LockPlaced(Guid Lock, LockTarget On, string Reason, DateTimeOffset? Until, Actor By) : IEvent;

public sealed record LockLifted(Guid Lock, Actor? By, string Why) : IEvent;

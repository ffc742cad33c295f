using AccessPlane.Contracts;
using AccessPlane.Contracts.Events;
using AccessPlane.Contracts.Identity;
using AccessPlane.Contracts.Policy;
using AccessPlane.ControlPlane.Policies;

namespace AccessPlane.ControlPlane.Grants;

/// <summary>What every decider about grants asks first: whose is it, is it over, what ends it now.</summary>
public static class Holding
{
    internal static readonly Actor Product = Actor.System("grants");

    public static Outcome NoSuchGrant { get; } = Outcome.Refuse("no-such-grant", "there is no such grant");

    /// <summary>The same subject through the same delegation chain: an agent's right in someone's name is not the person's own.</summary>
    public static bool IsHolder(Grant.Known grant, Actor actor)
    {
        ArgumentNullException.ThrowIfNull(grant);
        ArgumentNullException.ThrowIfNull(actor);
        return grant.Issued.Holder.ChainKey == actor.ChainKey;
    }

    /// <summary>Approvers of the entitlement and admins.</summary>
    public static bool HasAuthority(Grant.Known grant, Actor actor, bool isAdmin, PolicyModel policy)
    {
        ArgumentNullException.ThrowIfNull(grant);
        return isAdmin || (policy.Entitlement(grant.Issued.Entitlement) is { } entitlement && policy.Approves(entitlement, actor));
    }

    public static Outcome IsOver(Grant.Ended grant)
    {
        ArgumentNullException.ThrowIfNull(grant);
        return Outcome.Refuse("grant-ended", $"the grant is over: it is {grant.Name}");
    }

    /// <summary>
    /// What ends a grant whatever its holder does: time, a lock. Computed in every decider, so that a late timer never lets anything through.
    /// </summary>
    public static Outcome.Happened? WhyEnd(Grant.Known grant, Circumstances world)
    {
        ArgumentNullException.ThrowIfNull(grant);
        ArgumentNullException.ThrowIfNull(world);
        return grant switch
        {
            Grant.Approved g when world.Now >= g.Issued.ActivateBy => new Outcome.Happened(
                [new ActivationLapsed(g.Issued.ActivateBy)], [], new Refusal("activation-lapsed", "the grant was not activated in time: ask again")),
            Grant.Active g when world.Now >= g.NotAfter => new Outcome.Happened(
                [new GrantExpired(g.NotAfter)], [], new Refusal("grant-expired", "the grant has expired: ask again")),
            Grant.Approved or Grant.Active when
                world.Locks.Against(grant.Issued.Holder, grant.Issued.Resource, grant.Id, world.Model, world.Now) is { } locked => new Outcome.Happened(
                [new GrantRevoked(Product, $"locked: {locked.Reason}")], [], new Refusal("locked", $"a lock stands against this: `{locked.Reason}`")),
            _ => null,
        };
    }
}

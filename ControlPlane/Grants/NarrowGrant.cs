using AccessPlane.Contracts;
using AccessPlane.Contracts.Events;
using AccessPlane.ControlPlane.Policies;

namespace AccessPlane.ControlPlane.Grants;

/// <summary>The world changed while the grant lives: a policy, a lock. It shrinks or ends, never widens.</summary>
public static class NarrowGrant
{
    public static Outcome Decide(Grant state, Circumstances world)
    {
        if (state is not (Grant.Approved or Grant.Active))
        {
            return Outcome.Nothing;
        }
        var grant = (Grant.Known)state;
        if (Holding.WhyEnd(grant, world) is { } ended)
        {
            return ended with { ThenRefuse = null };
        }
        if (TodaysTerms.WhyNone(grant.Issued, grant.Issued.Holder, world.Model) is { } none)
        {
            return Outcome.Of(new GrantRevoked(Holding.Product, none));
        }
        // what was not activated yet meets the policy of the day it is
        return grant is Grant.Active active ? Narrow(active, world) : Outcome.Nothing;
    }

    private static Outcome Narrow(Grant.Active state, Circumstances world)
    {
        var today = TodaysTerms.Of(
            state.Issued, state.Terms, state.ActivatedAt, state.Extensions.Count > 0, state.Issued.Holder, world.Policy, out var why);
        if (today is null)
        {
            return Outcome.Of(new GrantRevoked(Holding.Product, why));
        }
        if (today.NotAfter <= world.Now)
        {
            return Outcome.Of(new GrantRevoked(Holding.Product, $"`{state.Issued.Entitlement}` does not last that long any more"));
        }
        return today.Narrower(state.Terms)
            ? Outcome.Of(new GrantNarrowed(
                today.NotAfter, today.Scope, today.MaxConnections, today.TokenLogin, today.PolicyVersion, $"policy version {world.Policy.Version}",
                today.Login))
            : Outcome.Nothing;
    }
}

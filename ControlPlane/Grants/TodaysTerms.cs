using AccessPlane.Contracts.Events;
using AccessPlane.Contracts.Identity;
using AccessPlane.Contracts.Policy;

namespace AccessPlane.ControlPlane.Grants;

/// <summary>What today's policy leaves of a grant: it shrinks, never widens.</summary>
public static class TodaysTerms
{
    /// <param name="had">What was approved or is in force.</param>
    /// <param name="holder">As their token tells today, where they are here; else as the grant remembers them.</param>
    /// <param name="why">Why nothing is left, where nothing is.</param>
    public static GrantTerms? Of(
        GrantIssued issued, GrantTerms had, DateTimeOffset activatedAt, bool extended, Actor holder, PublishedPolicy policy, out string why)
    {
        ArgumentNullException.ThrowIfNull(issued);
        ArgumentNullException.ThrowIfNull(had);
        ArgumentNullException.ThrowIfNull(policy);
        why = "";
        if (WhyNone(issued, holder, policy.Model) is { } none)
        {
            why = none;
            return null;
        }
        var today = policy.Model.Entitlement(issued.Entitlement)!;
        if (had.Scope.Intersect(today.Scope) is not { } scope)
        {
            why = $"nothing of what was approved is within `{today.Id}` any more";
            return null;
        }
        if (!LoginTerms.TryIntersect(had.Login, today.Login, out var login))
        {
            why = $"nothing of what its login may do in the database is within `{today.Id}` any more";
            return null;
        }
        var latest = activatedAt + (extended ? today.MaxTotal : today.MaxDuration);
        return new GrantTerms(
            had.NotAfter < latest ? had.NotAfter : latest,
            scope,
            Math.Min(had.MaxConnections, today.MaxConnections),
            new TokenLogin([.. had.TokenLogin.Kinds.Where(today.TokenLogin.Kinds.Contains)], had.TokenLogin.Once || today.TokenLogin.Once),
            policy.Version,
            login);
    }

    /// <summary>Why the holder may have nothing of it today, whatever the terms; null when they may.</summary>
    public static string? WhyNone(GrantIssued issued, Actor holder, PolicyModel policy)
    {
        ArgumentNullException.ThrowIfNull(issued);
        ArgumentNullException.ThrowIfNull(holder);
        if (policy.IsDisabled(holder))
        {
            return $"`{holder.Display}` is disabled";
        }
        if (policy.Resource(issued.Resource) is null)
        {
            return $"the resource `{issued.Resource}` was retired";
        }
        if (policy.Entitlement(issued.Entitlement) is not { } today || today.Resource != issued.Resource || (issued.BreakGlass && today.BreakGlass is null))
        {
            return $"the policy does not offer `{issued.Entitlement}` any more";
        }
        return policy.Selects(today.Who, holder) ? null : $"`{issued.Entitlement}` is not for `{holder.Display}` any more";
    }

    /// <summary>Whether anything but the policy's version differs.</summary>
    public static bool Narrower(this GrantTerms now, GrantTerms before)
    {
        ArgumentNullException.ThrowIfNull(now);
        ArgumentNullException.ThrowIfNull(before);
        return now.NotAfter != before.NotAfter || now.MaxConnections != before.MaxConnections || now.TokenLogin.Once != before.TokenLogin.Once ||
            !now.TokenLogin.Kinds.SequenceEqual(before.TokenLogin.Kinds) ||
            !LoginTerms.Same(now.Login, before.Login) ||
            !now.Scope.Databases.SequenceEqual(before.Scope.Databases) || !now.Scope.Statements.SequenceEqual(before.Scope.Statements);
    }
}

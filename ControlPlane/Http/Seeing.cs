using AccessPlane.Contracts.Identity;

namespace AccessPlane.ControlPlane.Http;

/// <summary>Who sees what: auditors and admins everything, everyone what is theirs.</summary>
public static class Seeing
{
    public static bool SeesAll(this Caller caller)
    {
        ArgumentNullException.ThrowIfNull(caller);
        return caller.IsAdmin || caller.IsAuditor;
    }

    /// <summary>What someone holds is theirs; what an AI agent holds in their name as well.</summary>
    public static bool Sees(this Caller caller, Actor holder)
    {
        ArgumentNullException.ThrowIfNull(holder);
        return caller.SeesAll() || holder.ChainKey == caller.Actor.ChainKey || (caller.Actor.Act.Count == 0 && holder.Key == caller.Actor.Key);
    }

    /// <summary>The part of a list that is not everyone's: for SQL, by the key of the subject.</summary>
    public static IEnumerable<Projections.Condition> Own(this Caller caller, string column, bool onlyMine)
    {
        if (onlyMine || !caller.SeesAll())
        {
            yield return new Projections.Condition($"{column} = ?", caller.Actor.Key);
        }
    }
}

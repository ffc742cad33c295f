using AccessPlane.Contracts.Identity;

namespace AccessPlane.Contracts.Policy;

/// <summary>The bounds that hold for one holder's sessions of one resource: of several rules the tightest, each with the rule that set it. Null: no bound.</summary>
public sealed record SessionLimits(
    Limit<long>? Rows = null, Limit<long>? Bytes = null, Limit<int>? StatementsPerSecond = null, Limit<TimeSpan>? StatementTimeout = null,
    Limit<TimeSpan>? Idle = null, Limit<int>? Connections = null, Limit<TimeSpan>? IdleInTransaction = null, Limit<TimeSpan>? Session = null)
{
    public static SessionLimits None { get; } = new();

    /// <summary>Whether what comes back must be counted.</summary>
    public bool BoundsResults => Rows is not null || Bytes is not null;

    /// <param name="holder">Rules with `unless` spare a chain only where every link of it is spared.</param>
    public static SessionLimits Of(PolicyModel policy, string resource, Actor holder)
    {
        ArgumentNullException.ThrowIfNull(policy);
        LimitRule[] rules = [.. Rules(policy, resource, holder)];
        return rules.Length == 0 ? None : new SessionLimits(
            Tightest(rules, r => r.RowsPerStatement), Tightest(rules, r => r.BytesPerStatement), Tightest(rules, r => r.StatementsPerSecond),
            Tightest(rules, r => r.StatementTimeout), Tightest(rules, r => r.Idle), Tightest(rules, r => r.Connections),
            Tightest(rules, r => r.IdleInTransaction), Tightest(rules, r => r.Session));
    }

    /// <summary>Those that bind somebody: a document that is only watched changes nothing.</summary>
    internal static IEnumerable<LimitRule> Rules(PolicyModel policy, string resource, Actor holder) =>
        policy.Mode == PolicyMode.Observe ? [] : policy.Limits.Where(l => l.Resource == resource && !policy.Excepts(l.Unless, holder));

    private static Limit<T>? Tightest<T>(LimitRule[] rules, Func<LimitRule, T?> bound)
        where T : struct => rules.Where(r => bound(r) is not null).Select(r => new Limit<T>(bound(r)!.Value, r.Id)).MinBy(l => l.Most);
}

public sealed record Limit<T>(T Most, string Rule)
    where T : struct;

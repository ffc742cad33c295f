using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using AccessPlane.Contracts.Sql;

namespace AccessPlane.Contracts.Policy;

/// <summary>
/// Judges an operation. Pure: the same facts, context and policy give the same ruling in the agent, in what-if and in explain.
/// What is built in comes first, then the grant's scope, then every guardrail and mask of the resource. Every rule that matches is among the
/// reasons; the strongest that is enforced decides: deny, hold, mask, limit, flag, allow. An `allow` takes nothing back.
/// </summary>
public static class Evaluator
{
    /// <summary>Rules are read once for each policy and resource, and forgotten with the policy.</summary>
    private static readonly ConditionalWeakTable<PublishedPolicy, ConcurrentDictionary<string, Rulebook>> Read = [];

    public static Ruling Judge(StatementFacts facts, OperationContext context, PublishedPolicy policy)
    {
        ArgumentNullException.ThrowIfNull(facts);
        ArgumentNullException.ThrowIfNull(context);
        ArgumentNullException.ThrowIfNull(policy);
        var book = Read.GetOrAdd(policy, static _ => new ConcurrentDictionary<string, Rulebook>(StringComparer.Ordinal))
            .GetOrAdd(context.Resource, static (resource, policy) => new Rulebook(policy, resource), policy);
        return book.Judge(facts, context);
    }
}

using AccessPlane.Contracts.Sql;

namespace AccessPlane.Contracts.Policy;

/// <summary>Judges an operation. Pure: the same facts, scope and policy give the same ruling in the agent, in what-if and in explain.</summary>
public static class Evaluator
{
    public static Ruling Judge(StatementFacts facts, OperationContext context, PublishedPolicy policy)
    {
        ArgumentNullException.ThrowIfNull(facts);
        ArgumentNullException.ThrowIfNull(context);
        ArgumentNullException.ThrowIfNull(policy);
        var (scope, entitlement) = (context.Scope, context.Entitlement);
        if (facts.Unknown is { } why)
        {
            return Deny("only-known", $"the statement cannot be judged: {why}");
        }
        if (facts.Refused is { } never)
        {
            return Deny("pinned-session", never);
        }
        if (scope.Statements.Count > 0)
        {
            foreach (var kind in facts.Kinds)
            {
                if (!StatementKinds.AlwaysWithinScope.Contains(kind) && !scope.Statements.Contains(kind))
                {
                    return Deny(entitlement, $"`{kind}` is outside what `{entitlement}` allows ({string.Join(", ", scope.Statements)})");
                }
            }
        }
        if (facts.AsksForWrites && scope.OnlyReads)
        {
            return Deny(entitlement, $"`{entitlement}` only reads, and so do its transactions");
        }
        return new Ruling(Effect.Allow, [new Reason(entitlement, Effect.Allow, "within the entitlement")], policy.Version);

        Ruling Deny(string rule, string text) => new(Effect.Deny, [new Reason(rule, Effect.Deny, text)], policy.Version);
    }
}

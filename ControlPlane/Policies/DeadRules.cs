using AccessPlane.Contracts.Policy;

namespace AccessPlane.ControlPlane.Policies;

/// <summary>Guardrails that provably never do anything. What cannot be proven is not told: a warning must be right.</summary>
internal static class DeadRules
{
    public static IEnumerable<(Guardrail Rule, YamlMap At, string Why)> Of(PolicyModel model, IReadOnlyList<Placed<Guardrail>> guardrails)
    {
        for (var i = 0; i < guardrails.Count; i++)
        {
            var (rule, at) = guardrails[i];
            if (Contradiction(rule.Match) is { } contradiction)
            {
                yield return (rule, at, $"can never match: {contradiction}");
                continue;
            }
            // a flag is there to be read among the reasons, whatever is decided
            if (rule.Effect == Effect.Flag)
            {
                continue;
            }
            var shadow = guardrails.Where((other, j) => j != i && Shadows(model, other.Terms, rule, earlier: j < i)).Select(other => other.Terms).FirstOrDefault();
            if (shadow is not null)
            {
                yield return (rule, at, $"never decides anything: all that it matches is denied by `{shadow.Id}`");
            }
        }
    }

    /// <summary>Of a text that is not understood there are no further facts that a rule could match.</summary>
    private static string? Contradiction(Match match) =>
        match.Unknown == true &&
        (match.Statements.Count > 0 || match.Relations.Count > 0 || match.Access is not null || match.Columns.Count > 0 || match.Places.Count > 0 ||
         match.Functions.Count > 0 || match.Unbounded == true || match.Several == true || match.Opaque == true)
            ? "of a statement that is not understood nothing else is known"
            : null;

    private static bool Shadows(PolicyModel model, Guardrail other, Guardrail rule, bool earlier) =>
        other.Resource == rule.Resource && other.Effect == Effect.Deny && Enforced(model, other) && Enforced(model, rule) &&
        (rule.Effect != Effect.Deny || earlier) && Covers(other.Match, rule.Match);

    private static bool Enforced(PolicyModel model, Guardrail rule) => (rule.Mode ?? model.Mode) == PolicyMode.Enforce;

    /// <summary>Whether whatever matches <paramref name="inner"/> also matches <paramref name="outer"/>.</summary>
    private static bool Covers(Match outer, Match inner) =>
        // INVARIANT: only with `unknown` on both sides or on neither, because it also takes the built-in rule away
        outer.Unknown == inner.Unknown &&
        All(outer.Statements, inner.Statements) &&
        All(outer.Relations, inner.Relations) &&
        (outer.Access is null || outer.Access == inner.Access) &&
        All(outer.Columns, inner.Columns) &&
        All(outer.Places, inner.Places) &&
        All(outer.Functions, inner.Functions) &&
        Same(outer.Unbounded, inner.Unbounded) && Same(outer.Several, inner.Several) &&
        Same(outer.InTransaction, inner.InTransaction) && Same(outer.Opaque, inner.Opaque) &&
        (outer.RiskAtLeast is null || outer.RiskAtLeast <= inner.RiskAtLeast);

    private static bool All<T>(IReadOnlyList<T> outer, IReadOnlyList<T> inner) => outer.Count == 0 || (inner.Count > 0 && inner.All(outer.Contains));

    private static bool Same(bool? outer, bool? inner) => outer is null || outer == inner;
}

using AccessPlane.Contracts.Sql;

namespace AccessPlane.Contracts.Policy;

/// <summary>A guardrail with its patterns read.</summary>
internal sealed class GuardrailMatch(Guardrail rule, PolicyMode mode)
{
    private readonly NamePattern[] relations = [.. rule.Match.Relations.Select(p => new NamePattern(p))];
    private readonly NamePattern[] columns = [.. rule.Match.Columns.Select(p => new NamePattern(p))];
    private readonly NamePattern[] functions = [.. rule.Match.Functions.Select(p => new NamePattern(p))];

    public Guardrail Rule => rule;

    /// <summary>It is only watched.</summary>
    public bool IsObserved { get; } = (rule.Mode ?? mode) == PolicyMode.Observe;

    /// <summary>What it does: a bound on rows is a limit, where nothing stronger is asked for.</summary>
    public Effect Effect { get; } = rule.MaxRows is not null && rule.Effect < Effect.Limit ? Effect.Limit : rule.Effect;

    public bool Matches(StatementFacts facts, bool inTransaction, int risk)
    {
        var match = rule.Match;
        return
            (match.Unknown is not { } unknown || unknown == facts.Unknown is not null) &&
            (match.Unbounded is not { } unbounded || unbounded == facts.Unbounded) &&
            (match.Several is not { } several || several == facts.Statements > 1) &&
            (match.InTransaction is not { } inside || inside == inTransaction) &&
            (match.Opaque is not { } opaque || opaque == facts.Opaque is not null) &&
            (match.RiskAtLeast is not { } least || risk >= least) &&
            (match.Statements.Count == 0 || match.Statements.Any(facts.Has)) &&
            ((relations.Length == 0 && match.Access is null) || facts.Relations.Any(Touches)) &&
            ((columns.Length == 0 && match.Places.Count == 0) || facts.Columns.Any(Reads)) &&
            (functions.Length == 0 || facts.Functions.Any(f => functions.Any(p => p.Matches(f))));
    }

    private bool Touches(RelationUse use) =>
        (rule.Match.Access is not { } access || (use.Access & access) != 0) && (relations.Length == 0 || relations.Any(p => p.Matches(use.Name)));

    private bool Reads(ColumnUse use) =>
        (rule.Match.Places.Count == 0 || rule.Match.Places.Contains(use.Place)) && (columns.Length == 0 || columns.Any(p => p.Matches(use.Column)));
}

using AccessPlane.Contracts.Sql;

namespace AccessPlane.Contracts.Policy;

/// <summary>A guardrail with its patterns read.</summary>
internal sealed class GuardrailMatch
{
    private readonly Guardrail rule;
    private readonly NamePattern[] relations;
    private readonly NamePattern[] columns;
    private readonly NamePattern[] functions;
    private readonly bool mayBeHidden;

    public GuardrailMatch(Guardrail rule, PolicyMode mode)
    {
        this.rule = rule;
        var match = rule.Match;
        relations = [.. match.Relations.Select(p => new NamePattern(p))];
        columns = [.. match.Columns.Select(p => new NamePattern(p))];
        functions = [.. match.Functions.Select(p => new NamePattern(p))];
        IsObserved = rule.IsObservedIn(mode);
        Effect = rule.Strength();
        mayBeHidden = Effect >= Effect.Limit && match.Opaque is null && (match.Statements.Count > 0 || relations.Length > 0 || match.Access is not null ||
            columns.Length > 0 || match.Places.Count > 0 || functions.Length > 0 || match.Unbounded is not null);
    }

    public Guardrail Rule => rule;

    /// <summary>It is only watched.</summary>
    public bool IsObserved { get; }

    /// <summary>What it does: a bound on rows is a limit, where nothing stronger is asked for.</summary>
    public Effect Effect { get; }

    /// <param name="isHidden">What it matches is not there to be seen, and might be done all the same: INVARIANT: what keeps something from happening keeps
    /// also from happening what nobody can tell from it.</param>
    public bool Matches(StatementFacts facts, bool inTransaction, int risk, out bool isHidden)
    {
        isHidden = false;
        if (!Fits(facts, inTransaction, risk))
        {
            return false;
        }
        isHidden = mayBeHidden && facts is { Opaque: not null, Unknown: null } && !Says(facts);
        return isHidden || Says(facts);
    }

    /// <summary>What is certain of any statement.</summary>
    private bool Fits(StatementFacts facts, bool inTransaction, int risk)
    {
        var match = rule.Match;
        return
            (match.Unknown is not { } unknown || unknown == facts.Unknown is not null) &&
            (match.Several is not { } several || several == facts.Statements > 1) &&
            (match.InTransaction is not { } inside || inside == inTransaction) &&
            (match.Opaque is not { } opaque || opaque == facts.Opaque is not null) &&
            (match.RiskAtLeast is not { } least || risk >= least);
    }

    /// <summary>What can be told of a statement only as far as it can be read.</summary>
    private bool Says(StatementFacts facts)
    {
        var match = rule.Match;
        return
            (match.Unbounded is not { } unbounded || unbounded == facts.Unbounded) &&
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

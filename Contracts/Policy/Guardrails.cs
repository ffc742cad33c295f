namespace AccessPlane.Contracts.Policy;

/// <summary>An inline rule on one resource's operations.</summary>
/// <param name="Effect">What it does where it matches: Allow, Flag, Hold or Deny.</param>
/// <param name="Message">For the person who is refused or held; null for a general one.</param>
/// <param name="Hold">For <see cref="Effect.Hold"/> alone.</param>
/// <param name="MaxRows">A write that it matches and that changes more rows is rolled back.</param>
/// <param name="Mode">Null follows the document.</param>
public sealed record Guardrail(
    string Id, string Resource, Match Match, Effect Effect, string? Message = null, HoldTerms? Hold = null, long? MaxRows = null, PolicyMode? Mode = null)
{
    /// <summary>What it does: a bound on rows is a limit, where nothing stronger is asked for.</summary>
    internal Effect Strength() => MaxRows is not null && Effect < Effect.Limit ? Effect.Limit : Effect;

    /// <summary>It is only watched.</summary>
    internal bool IsObservedIn(PolicyMode document) => (Mode ?? document) == PolicyMode.Observe;
}

/// <summary>Matches operations: every member that is given must match. Lists match where any of their entries does.</summary>
/// <param name="Relations">Patterns over <see cref="Sql.RelationUse.Name"/>, with `*`.</param>
/// <param name="Columns">Patterns over <see cref="Sql.ColumnUse.Column"/>, with `*`.</param>
/// <param name="Functions">Patterns over function names; one without a schema stands for any schema.</param>
/// <param name="RiskAtLeast">0–100.</param>
public sealed record Match(
    IReadOnlyList<string> Statements, IReadOnlyList<string> Relations, Sql.RelationAccess? Access, IReadOnlyList<string> Columns,
    IReadOnlyList<Sql.ColumnPlace> Places, IReadOnlyList<string> Functions, bool? Unbounded, bool? Several, bool? InTransaction, bool? Unknown,
    bool? Opaque, int? RiskAtLeast)
{
    public static Match Everything { get; } = new([], [], null, [], [], [], null, null, null, null, null, null);
}

/// <param name="Timeout">How long the operation waits; <paramref name="InTransaction"/> where it waits inside a transaction, because locks are held.</param>
public sealed record HoldTerms(Who From, int Count, TimeSpan Timeout, TimeSpan InTransaction);

/// <summary>Observe: what would have happened is recorded, and nothing is changed.</summary>
public enum PolicyMode { Enforce, Observe }

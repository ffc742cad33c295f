using System.Text.Json.Serialization;

namespace AccessPlane.Contracts.Policy;

/// <summary>What the policy says of an operation, strongest last.</summary>
public enum Effect { Allow, Flag, Limit, Mask, Hold, Deny }

/// <param name="Rule">The id of the rule: an entitlement's, a guardrail's, a mask's, or a built-in one's.</param>
/// <param name="Text">What the person is told: lower case, never policy text beyond the rule's own message.</param>
/// <param name="Observed">The rule is only watched: this is what it would have done.</param>
public sealed record Reason(
    string Rule, Effect Effect, string Text,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)] bool Observed = false);

/// <summary>A decision of the policy with everything that led to it, and what it obliges the agent to do.</summary>
/// <param name="Reasons">Of every rule that matched, the strongest first; behind them those that are only watched.</param>
public sealed record Ruling(Effect Effect, IReadOnlyList<Reason> Reasons, long PolicyVersion)
{
    /// <summary>Set where the operation waits for a person: the terms of the deciding rule, which of several hold rules is the one that asks for most
    /// persons, then the one that waits least, then the first of the document.</summary>
    public HoldTerms? Hold { get; init; }

    /// <summary>Rows a write may change, the least of all rules that match, and the rule that says so; null for any number.</summary>
    public Limit<long>? MaxRows { get; init; }

    /// <summary>The mask rules that are enforced on this holder and resource, whatever the statement touches: one list for all of a holder's rulings.
    /// Without those of columns where the database itself enforces them (<see cref="ServerMasks"/>).</summary>
    public IReadOnlyList<MaskRule> Masks { get; init; } = [];

    /// <summary>How much of what it returns is recorded, whatever it is; null for nothing.</summary>
    public RecordedRows? RecordRows { get; init; }

    /// <summary>0–100, as <see cref="RiskScore"/> adds it up.</summary>
    public int Risk { get; init; }

    /// <summary>What it was judged by, beside the facts; null where no rule was asked, because the grant had ended or the message was none.</summary>
    [JsonIgnore]
    public OperationContext? Context { get; init; }

    /// <summary>The reason that decided.</summary>
    public Reason? Deciding => Reasons.FirstOrDefault(r => r.Effect == Effect && !r.Observed);
}

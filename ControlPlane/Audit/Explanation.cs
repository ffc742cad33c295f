using AccessPlane.Contracts.Policy;
using AccessPlane.Contracts.Sql;

namespace AccessPlane.ControlPlane.Audit;

/// <summary>Why an operation was ruled upon as it was: the evaluator, asked again with what was recorded.</summary>
/// <param name="Basis">`policy`: by its rules. `session`: no rule was asked, because the grant had ended or the message could not be a statement.
/// `not-kept`: what it was judged by was too large to be kept, or is older than this version.</param>
/// <param name="Recorded">What the transcript says.</param>
/// <param name="Judged">What the evaluator says now, by the policy of then; null where it cannot be asked.</param>
/// <param name="Further">Reasons of the agent's own, which go beyond the policy: it may refuse what it cannot enforce, never allow more.</param>
/// <param name="Agrees">Whether the two say the same, but for that; null where the evaluator cannot be asked.</param>
public sealed record Explanation(
    Guid Session, long Op, string Text, long Policy, string Basis, RecordedRuling Recorded, JudgedRuling? Judged = null, IReadOnlyList<Reason>? Further = null,
    bool? Agrees = null, StatementFacts? Facts = null, Scope? Scope = null, bool? InTransaction = null)
{
    /// <summary>What the record has beyond the ruling; null where the two contradict each other.</summary>
    public static IReadOnlyList<Reason>? Compare(RecordedRuling recorded, Ruling judged)
    {
        ArgumentNullException.ThrowIfNull(recorded);
        ArgumentNullException.ThrowIfNull(judged);
        Reason[] further = [.. recorded.Reasons.Except(judged.Reasons)];
        var same = recorded.Reasons.Where(judged.Reasons.Contains).SequenceEqual(judged.Reasons);
        var stronger = recorded.Effect > judged.Effect && further.Any(r => r.Effect == recorded.Effect);
        return same && (recorded.Effect == judged.Effect || stronger) ? further : null;
    }
}

public sealed record RecordedRuling(Effect Effect, IReadOnlyList<Reason> Reasons);

/// <param name="Reasons">Of every rule that matched, the strongest first; behind them those that are only watched.</param>
/// <param name="Masks">Ids of the masks that applied to the holder.</param>
/// <param name="Risk">0–100: the sum of its parts, at most a hundred.</param>
public sealed record JudgedRuling(
    Effect Effect, IReadOnlyList<Reason> Reasons, HoldTerms? Hold, Limit<long>? MaxRows, IReadOnlyList<string> Masks, int Risk, IReadOnlyList<RiskPart> RiskParts)
{
    public static JudgedRuling Of(Ruling ruling, StatementFacts facts)
    {
        ArgumentNullException.ThrowIfNull(ruling);
        return new JudgedRuling(
            ruling.Effect, ruling.Reasons, ruling.Hold, ruling.MaxRows, [.. ruling.Masks.Select(m => m.Id)], ruling.Risk, RiskScore.Of(facts).Parts);
    }
}

using System.Runtime.CompilerServices;
using AccessPlane.Contracts.Identity;
using AccessPlane.Contracts.Sql;

namespace AccessPlane.Contracts.Policy;

/// <summary>One resource's rules of one policy, read once.</summary>
internal sealed class Rulebook
{
    private readonly PublishedPolicy policy;
    private readonly GuardrailMatch[] guardrails;
    private readonly (MaskRule Rule, NamePattern[] Columns, bool Observed)[] masks;

    /// <summary>PostgreSQL itself hides columns: nothing is planned for them on the wire.</summary>
    private readonly bool byServer;

    private readonly RecordedRows? recordRows;

    private static readonly string[] Writing = ["insert", "update", "merge"];

    /// <summary>By holder, so that one holder's rulings share one list.</summary>
    private readonly ConditionalWeakTable<Actor, IReadOnlyList<MaskRule>> masksOf = [];

    public Rulebook(PublishedPolicy policy, string resource)
    {
        this.policy = policy;
        var model = policy.Model;
        byServer = model.Resource(resource)?.Masking == MaskingMode.Server;
        recordRows = model.Resource(resource)?.RecordRows;
        guardrails = [.. model.Guardrails.Where(g => g.Resource == resource).Select(g => new GuardrailMatch(g, model.Mode))];
        masks =
        [
            .. model.Masks.Where(m => m.Resource == resource).Select(m =>
                (m, m.Columns.Select(c => new NamePattern(c)).ToArray(), (m.Mode ?? model.Mode) == PolicyMode.Observe)),
        ];
    }

    public Ruling Judge(StatementFacts facts, OperationContext context)
    {
        var risk = RiskScore.Of(facts).Score;
        var matching = new List<GuardrailMatch>();
        List<GuardrailMatch>? hidden = null;
        foreach (var guardrail in guardrails)
        {
            if (guardrail.Matches(facts, context.InTransaction, risk, out var isHidden))
            {
                matching.Add(guardrail);
                if (isHidden)
                {
                    (hidden ??= []).Add(guardrail);
                }
            }
        }
        string Says(GuardrailMatch match) => hidden?.Contains(match) == true ? MightHide(match.Rule, facts) : Words(match.Rule, facts);
        var reasons = new List<Reason>(4);
        BuiltIn(facts, context, matching, reasons);
        // hold rules by how strict they are: the first of them gives the terms
        var holds = matching.Where(g => g is { IsObserved: false, Effect: Effect.Hold })
            .OrderByDescending(g => g.Rule.Hold?.Count).ThenBy(g => g.Rule.Hold?.Timeout).ToList();
        reasons.AddRange(holds.Select(g => new Reason(g.Rule.Id, Effect.Hold, Says(g))));
        reasons.AddRange(matching.Where(g => g.IsObserved || g.Effect != Effect.Hold).Select(g => new Reason(g.Rule.Id, g.Effect, Says(g), g.IsObserved)));
        var masked = MasksOf(context.Holder);
        Masked(facts, context.Holder, reasons);
        if (byServer && facts.Unknown is null && WhyNotWritten(facts, context.Holder) is { } spoils)
        {
            reasons.Add(spoils);
        }
        if (facts.Unknown is null && MaskPlan.Of(facts, masked).Refusal is { } shows)
        {
            reasons.Add(shows);
        }
        reasons = [.. reasons.OrderBy(r => r.Observed).ThenByDescending(r => r.Effect)];
        var effect = reasons.Where(r => !r.Observed).Max(r => r.Effect);
        return new Ruling(effect, reasons, policy.Version)
        {
            Hold = effect == Effect.Hold ? holds[0].Rule.Hold : null,
            MaxRows = matching.Where(g => g is { IsObserved: false, Rule.MaxRows: not null })
                .Select(g => new Limit<long>(g.Rule.MaxRows!.Value, g.Rule.Id)).MinBy(l => l.Most),
            Masks = masked,
            RecordRows = recordRows,
            Risk = risk,
            Context = context,
        };
    }

    private static void BuiltIn(StatementFacts facts, OperationContext context, List<GuardrailMatch> matching, List<Reason> reasons)
    {
        // INVARIANT: what is not understood is refused, unless the document itself says what shall be done with it (and is not only watched)
        var own = matching.Where(g => g is { IsObserved: false, Rule.Match.Unknown: true }).ToList();
        if (facts.Unknown is not null && own.Count == 0)
        {
            reasons.Add(new Reason("only-known", Effect.Deny, NotJudged(facts)));
        }
        if (facts.Refused is { } never)
        {
            reasons.Add(new Reason("pinned-session", Effect.Deny, never));
        }
        if (own.Exists(g => g.Effect == Effect.Deny))
        {
            return;
        }
        var outside = reasons.Count == 0 ? WhyOutside(facts, context) : null;
        if (outside is not null)
        {
            reasons.Add(new Reason(context.Entitlement, Effect.Deny, outside));
        }
        if (reasons.Count == 0)
        {
            reasons.Add(new Reason(context.Entitlement, Effect.Allow, "within the entitlement"));
        }
    }

    private static string? WhyOutside(StatementFacts facts, OperationContext context)
    {
        var (scope, entitlement) = (context.Scope, context.Entitlement);
        if (scope.Statements.Count > 0)
        {
            if (facts.Unknown is not null)
            {
                return $"nobody can tell whether it is within what `{entitlement}` allows ({string.Join(", ", scope.Statements)})";
            }
            foreach (var kind in facts.Kinds)
            {
                if (!StatementKinds.AlwaysWithinScope.Contains(kind) && !scope.Statements.Contains(kind))
                {
                    return $"`{kind}` is outside what `{entitlement}` allows ({string.Join(", ", scope.Statements)})";
                }
            }
        }
        return facts.AsksForWrites && scope.OnlyReads ? $"`{entitlement}` only reads, and so do its transactions" : null;
    }

    private void Masked(StatementFacts facts, Actor holder, List<Reason> reasons)
    {
        foreach (var (rule, columns, observed) in masks)
        {
            if (facts.Columns.Any(c => c.Place != ColumnPlace.Assigned && columns.Any(p => p.Matches(c.Column))) && !policy.Model.Excepts(rule.Unless, holder))
            {
                reasons.Add(new Reason(
                    rule.Id, Effect.Mask, byServer ? "the database itself hides values of its columns" : "values of its columns are hidden", observed));
            }
        }
    }

    /// <summary>What a masked login reads is the mask, and that is what it would write: data that nobody could bring back. The database refuses to change
    /// the masked columns themselves; this says so in better words.</summary>
    private Reason? WhyNotWritten(StatementFacts facts, Actor holder)
    {
        if (!facts.Kinds.Any(Writing.Contains))
        {
            return null;
        }
        // code that runs along gets what the statement gives it; where nothing is proven it may be anything
        var near = facts.Lineage is not { } lineage ? [] : lineage.Unproven is not null ? lineage.Touched : lineage.Code is not null ? lineage.Read : [];
        foreach (var (rule, columns, observed) in masks)
        {
            if (columns.Length == 0 || observed || policy.Model.Excepts(rule.Unless, holder))
            {
                continue;
            }
            bool Hides(string column) => columns.Any(p => p.Matches(column));
            if (facts.Columns.FirstOrDefault(c => c.Place == ColumnPlace.Assigned && Hides(c.Column)) is { } assigned)
            {
                return new Reason(rule.Id, Effect.Deny, $"the column `{assigned.Column}` is masked for you, and so it cannot be written: leave it out");
            }
            if (facts.Lineage?.Stored.FirstOrDefault(Hides) is { } stored)
            {
                return new Reason(rule.Id, Effect.Deny, $"the column `{stored}` is masked for you: what would be written is the mask, not the value");
            }
            if (near.FirstOrDefault(Hides) is { } perhaps)
            {
                return new Reason(
                    rule.Id, Effect.Deny,
                    $"whether it would write the mask of `{perhaps}` in the place of a value cannot be followed: {facts.Lineage!.Unproven ?? facts.Lineage.Code}");
            }
        }
        return null;
    }

    private IReadOnlyList<MaskRule> MasksOf(Actor holder) => masks.Length == 0
        ? []
        : masksOf.GetValue(holder, who =>
            [.. masks.Where(m => !m.Observed && !(byServer && m.Columns.Length > 0) && !policy.Model.Excepts(m.Rule.Unless, who)).Select(m => m.Rule)]);

    private static string NotJudged(StatementFacts facts) => $"the statement cannot be judged: {facts.Unknown}";

    /// <summary>Of what cannot be read: which of it that is, and what the rule is there for.</summary>
    private static string MightHide(Guardrail rule, StatementFacts facts)
    {
        var does = rule switch { { Effect: Effect.Deny } => "denies", { Effect: Effect.Hold } => "holds", _ => "counts" };
        return $"{facts.Opaque}, and might hide what rule `{rule.Id}` {does}{(rule.Message is { } message ? $": {message}" : "")}";
    }

    private static string Words(Guardrail rule, StatementFacts facts) => rule.Message ?? rule.Effect switch
    {
        Effect.Deny or Effect.Hold when facts.Unknown is not null => NotJudged(facts),
        Effect.Deny => "the policy does not allow it",
        Effect.Hold => "somebody must look at it first",
        _ when rule.MaxRows is { } most => $"it may change {most} rows at most",
        Effect.Flag => "it is marked for whoever reads the record",
        _ => "the policy allows it",
    };
}

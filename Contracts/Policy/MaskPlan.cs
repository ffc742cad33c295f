using System.Runtime.CompilerServices;
using AccessPlane.Contracts.Masking;
using AccessPlane.Contracts.Sql;

namespace AccessPlane.Contracts.Policy;

/// <summary>How the values of one column of a result are hidden.</summary>
/// <param name="Rule">The mask rule's id.</param>
/// <param name="Of">For the text of a definition only its literals are hidden.</param>
public sealed record ColumnMask(string Rule, MaskWith With, DefinitionText Of = DefinitionText.None);

/// <summary>
/// What mask rules make of a text: refused, or passed with some of its columns hidden. Pure over its lineage and the rules, so that the agent, what-if
/// and explain see the same. INVARIANT: what is not proven is refused; only what touches no hidden column at all is <see cref="Free"/>.
/// </summary>
/// <param name="Refusal">Why it is refused and what to do instead; the rule is the mask's.</param>
/// <param name="Free">It touches no relation with a hidden column: its answers pass byte for byte, errors too.</param>
/// <param name="Columns">By position, null for a clear one; null where all are.</param>
public sealed record MaskPlan(Reason? Refusal, bool Free, IReadOnlyList<ColumnMask?>? Columns)
{
    private static readonly ConditionalWeakTable<MaskRule, NamePattern[]> Patterns = [];

    public static MaskPlan Clear { get; } = new(null, true, null);

    /// <summary>What is made of definitions: nothing stays nothing, so that it shows where there is none.</summary>
    public const string Definitions = "definitions";

    private static readonly ColumnMask OfDefinitions = new(Definitions, MaskWith.Redact, DefinitionText.Whole);

    internal IReadOnlyList<MaskRule> Rules { get; init; } = [];

    /// <param name="rules">Those that apply to the holder and the resource.</param>
    public static MaskPlan Of(StatementFacts facts, IReadOnlyList<MaskRule> rules)
    {
        ArgumentNullException.ThrowIfNull(facts);
        ArgumentNullException.ThrowIfNull(rules);
        if (!HideColumns(rules))
        {
            return Clear;
        }
        if (facts.Lineage is not { } lineage)
        {
            return Refused(rules[0].Id, "what it shows cannot be followed while columns are masked");
        }
        if (lineage.LastPlan is { } last && Same(last.Rules, rules))
        {
            return last;
        }
        return lineage.LastPlan = new Deciding(facts, lineage, rules).Plan() with { Rules = rules };
    }

    /// <summary>The rules hide columns, so that statements must be followed; detectors alone do not ask for that.</summary>
    public static bool HideColumns(IReadOnlyList<MaskRule> rules)
    {
        ArgumentNullException.ThrowIfNull(rules);
        for (var i = 0; i < rules.Count; i++)
        {
            if (rules[i].Columns.Count > 0)
            {
                return true;
            }
        }
        return false;
    }

    /// <summary>The first rule whose patterns fit a column; null where none does.</summary>
    public static MaskRule? RuleOf(string column, IReadOnlyList<MaskRule> rules)
    {
        ArgumentNullException.ThrowIfNull(rules);
        for (var i = 0; i < rules.Count; i++)
        {
            foreach (var pattern in Patterns.GetValue(rules[i], r => [.. r.Columns.Select(c => new NamePattern(c))]))
            {
                if (pattern.Matches(column))
                {
                    return rules[i];
                }
            }
        }
        return null;
    }

    private static bool Same(IReadOnlyList<MaskRule> one, IReadOnlyList<MaskRule> two)
    {
        if (one.Count != two.Count)
        {
            return false;
        }
        for (var i = 0; i < one.Count; i++)
        {
            if (!ReferenceEquals(one[i], two[i]))
            {
                return false;
            }
        }
        return true;
    }

    private static MaskPlan Refused(string rule, string why) => new(new Reason(rule, Effect.Deny, why), false, null);

    private sealed class Deciding(StatementFacts facts, Lineage lineage, IReadOnlyList<MaskRule> rules)
    {
        private readonly Dictionary<string, MaskRule?> byColumn = new(StringComparer.Ordinal);

        public MaskPlan Plan()
        {
            var first = rules.First(r => r.Columns.Count > 0).Id;
            if (lineage.Unproven is { } why)
            {
                return Refused(first, $"what it shows cannot be followed while columns are masked: {why}");
            }
            if (lineage.Unresolved is [var unknown, ..])
            {
                return Refused(first, $"`{unknown}` is not known here (yet), so whether it shows masked columns is not known either: try again shortly");
            }
            var hidden = Hidden(lineage.Touched);
            if (lineage.Code is { } code && hidden is var (_, touched))
            {
                return Refused(touched.Id, $"what it shows cannot be followed while columns are masked: {facts.Opaque ?? code}");
            }
            if (hidden is null)
            {
                return Rows((lineage.Elsewhere is null ? lineage.Read : lineage.Shown).Contains(Lineage.Definition), free: true);
            }
            if (lineage.Indirect is { } how)
            {
                return Refused(hidden.Value.Rule.Id, $"{how} is not possible on relations with masked columns (`{hidden.Value.Column}`): select from them instead");
            }
            if (lineage.Elsewhere is { } way && Hidden(lineage.Shown) is var (used, of))
            {
                return Refused(of.Id, $"{way} is not possible with masked columns (`{used}`): select them instead");
            }
            if (Hidden(lineage.Stored) is var (stored, rule))
            {
                return Refused(rule.Id, $"the masked column `{stored}` cannot be written elsewhere: only new values can be written");
            }
            if (Hidden(lineage.Inferred, Inference.Refuse) is var (shown, its))
            {
                return Refused(its.Id, $"the masked column `{shown}` can only be selected as it is, not be used in conditions, orders, groups or computations");
            }
            if (Hidden(lineage.Tied, Inference.Refuse) is var (tied, ties))
            {
                return Refused(ties.Id, $"whether this can be written depends on values of the masked column `{tied}` (a key or a check), so that trying would tell them");
            }
            var some = lineage.Elsewhere is null ? lineage.Read : lineage.Shown;
            return Rows(Hidden(some) is not null || some.Contains(Lineage.Definition), free: false);
        }

        private MaskPlan Rows(bool some, bool free)
        {
            if (!some)
            {
                return new MaskPlan(null, free, null);
            }
            if (facts.Outputs is not { } outputs)
            {
                return Refused(rules.First(r => r.Columns.Count > 0).Id, "which of its columns show masked ones is not known: send one statement at a time, and name the columns");
            }
            ColumnMask?[] masks = [.. outputs.Select(Mask)];
            return new MaskPlan(null, free, Array.TrueForAll(masks, m => m is null) ? null : masks);
        }

        private ColumnMask? Mask(OutputColumn output)
        {
            var found = rules.Where(r => output.Sources.Any(s => Rule(s) == r)).ToList();
            if (found.Count > 0)
            {
                var asItIs = output.Verbatim && found.TrueForAll(r => r.With == found[0].With);
                return new ColumnMask(found[0].Id, asItIs ? found[0].With : MaskWith.Redact);
            }
            return !output.Sources.Contains(Lineage.Definition) ? null : OfDefinitions with
            {
                Of = !output.Verbatim ? DefinitionText.None : output.Sources.Contains(Lineage.Trimmed) ? DefinitionText.Trimmed : DefinitionText.Whole,
            };
        }

        private (string Column, MaskRule Rule)? Hidden(IReadOnlyList<string> columns, Inference? with = null)
        {
            foreach (var column in columns)
            {
                if (Rule(column) is { } rule && (with is null || rule.Inference == with))
                {
                    return (column, rule);
                }
            }
            return null;
        }

        private MaskRule? Rule(string column)
        {
            if (!byColumn.TryGetValue(column, out var rule))
            {
                byColumn[column] = rule = column is Lineage.Definition or Lineage.Trimmed ? null : RuleOf(column, rules);
            }
            return rule;
        }
    }
}

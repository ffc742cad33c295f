using AccessPlane.Contracts.Policy;

namespace AccessPlane.ControlPlane.Policies;

/// <summary>What only shows when the rules on operations are seen beside everything else.</summary>
internal static class PolicyRuleChecks
{
    private static readonly string[] ChangeRows = ["insert", "update", "delete", "merge", "copy-from", "execute", "call", "do"];

    /// <summary>Ids of what is built in and cannot be written by a document.</summary>
    private static readonly string[] BuiltIn = ["pinned-session", "protocol", "policy"];

    public static void Run(
        PolicyProblems problems, PolicyModel model, IReadOnlyList<Placed<Entitlement>> entitlements, IReadOnlyList<Placed<Guardrail>> guardrails,
        IReadOnlyList<Placed<MaskRule>> masks, IReadOnlyList<Placed<LimitRule>> limits)
    {
        Ids(problems,
        [
            .. entitlements.Select(e => (e.Terms.Id, "entitlement", e.At)),
            .. guardrails.Select(g => (g.Terms.Id, "guardrail", g.At)),
            .. masks.Select(m => (m.Terms.Id, "mask", m.At)),
            .. limits.Select(l => (l.Terms.Id, "limit", l.At)),
        ]);
        foreach (var (resource, at) in masks.Select(m => (m.Terms.Resource, m.At)).Concat(limits.Select(l => (l.Terms.Resource, l.At))))
        {
            Known(problems, model, resource, at);
        }
        foreach (var (rule, at) in guardrails)
        {
            Known(problems, model, rule.Resource, at);
            Reviewers(problems, model, rule, at);
            if (rule is { MaxRows: not null, Match.Statements.Count: > 0 } && !rule.Match.Statements.Any(ChangeRows.Contains))
            {
                problems.Warning(at["max-rows"]!, "none of the statements that this rule matches changes rows");
            }
        }
        foreach (var (_, at) in guardrails.Where(g => g.Terms is { Id: "only-known", Match.Unknown: not true }))
        {
            problems.Error(at["id"]!, "`only-known` is the rule on what is not understood: a rule of that name must match `unknown: true`");
        }
        foreach (var (rule, at, why) in DeadRules.Of(model, guardrails))
        {
            if (!problems.Spoilt(at))
            {
                problems.Warning(at["match"]!, $"`{rule.Id}` {why}");
            }
        }
    }

    /// <summary>A reason names its rule by the id alone, so that no two rules of any kind may share one.</summary>
    private static void Ids(PolicyProblems problems, IReadOnlyList<(string Id, string What, YamlMap At)> all)
    {
        foreach (var same in all.GroupBy(x => x.Id, StringComparer.Ordinal))
        {
            var first = same.First();
            foreach (var (id, what, at) in same.Skip(1))
            {
                problems.Error(at["id"]!, what == first.What
                    ? $"the {what} `{id}` is here twice, first in line {first.At["id"]!.Line}"
                    : $"`{id}` is the {first.What} in line {first.At["id"]!.Line} already: reasons name a rule by its id");
            }
            if (BuiltIn.Contains(same.Key))
            {
                problems.Error(first.At["id"]!, $"`{same.Key}` is a rule that is built in: take another id");
            }
        }
    }

    private static void Known(PolicyProblems problems, PolicyModel model, string resource, YamlMap at)
    {
        if (resource.Length > 0 && model.Resource(resource) is null)
        {
            problems.Error(at["resource"]!, $"there is no resource `{resource}` in this document");
        }
    }

    private static void Reviewers(PolicyProblems problems, PolicyModel model, Guardrail rule, YamlMap at)
    {
        if (rule.Hold is not { From.IsEmpty: false } hold || at["hold"] is not YamlMap terms)
        {
            return;
        }
        PolicyChecks.Empty(problems, model, hold.From, terms["from"]);
        if (model.KnownReviewers(new ApprovalStep(hold.From, hold.Count)) is { } known and > 0 && known < hold.Count)
        {
            problems.Warning(
                terms["count"] ?? terms, $"{hold.Count} of {model.Describe(hold.From)} must look at it, and only {known} are known: what `{rule.Id}` holds always lapses");
        }
    }
}

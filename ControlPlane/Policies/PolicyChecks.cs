using AccessPlane.Contracts.Policy;

namespace AccessPlane.ControlPlane.Policies;

/// <summary>What only shows when the sections are seen together.</summary>
internal static class PolicyChecks
{
    public static void Run(
        PolicyProblems problems, PolicyModel model, IReadOnlyList<Placed<ResourceTerms>> resources, IReadOnlyList<Placed<Entitlement>> entitlements)
    {
        Twice(problems, resources);
        foreach (var (entitlement, at) in entitlements)
        {
            if (entitlement.Resource.Length > 0 && model.Resource(entitlement.Resource) is null)
            {
                problems.Error(at["resource"]!, $"there is no resource `{entitlement.Resource}` in this document");
            }
            if (IsForNobody(model, entitlement.Who) && at["who"] is { } who && !problems.Spoilt(who))
            {
                problems.Warning(who, $"nobody can ever ask for `{entitlement.Id}`");
            }
            Approvers(problems, model, entitlement, at);
        }
    }

    private static void Twice(PolicyProblems problems, IReadOnlyList<Placed<ResourceTerms>> resources)
    {
        foreach (var same in resources.GroupBy(r => r.Terms.Id, StringComparer.Ordinal))
        {
            foreach (var (terms, at) in same.Skip(1))
            {
                problems.Error(at["id"]!, $"the resource `{terms.Id}` is here twice, first in line {same.First().At["id"]!.Line}");
            }
        }
    }

    private static bool IsForNobody(PolicyModel model, Who who) =>
        who.IsEmpty || (who.Groups.Count > 0 && who.Groups.All(g => HasNobody(model, g)));

    private static bool HasNobody(PolicyModel model, string group) =>
        model.Directory.Groups.TryGetValue(group, out var members) && members.All(m => model.Directory.Disabled.Any(d => model.SamePerson(d, m)));

    private static void Approvers(PolicyProblems problems, PolicyModel model, Entitlement entitlement, YamlMap at)
    {
        var steps = entitlement.Approval?.Steps ?? [];
        var nodes = ((at["approval"] as YamlMap)?["steps"] as YamlList)?.Items ?? [];
        if (nodes.Count != steps.Count)
        {
            return; // a step that cannot be read was told about already
        }
        for (var i = 0; i < steps.Count; i++)
        {
            Empty(problems, model, steps[i].From, (nodes[i] as YamlMap)?["from"]);
        }
        Empty(problems, model, entitlement.BreakGlass?.From, (at["break-glass"] as YamlMap)?["from"]);
        if (model.UnfillableStep(steps, null) is { } step)
        {
            var known = model.KnownReviewers(steps[step]);
            var node = (nodes[step] as YamlMap)?["count"] ?? nodes[step];
            problems.Warning(node, known < steps[step].Count
                ? $"{steps[step].Count} of {model.Describe(steps[step].From)} must approve, and only {known} are known: nobody can get `{entitlement.Id}`"
                : $"each person counts once, and the steps of `{entitlement.Id}` together need more than are known");
        }
    }

    public static void Empty(PolicyProblems problems, PolicyModel model, Who? from, YamlNode? at)
    {
        foreach (var group in from?.Groups.Where(g => HasNobody(model, g)) ?? [])
        {
            problems.Warning(at!, $"nobody is in the group `{group}`");
        }
    }
}

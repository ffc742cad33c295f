using AccessPlane.Contracts.Policy;
using AccessPlane.ControlPlane.Resources;

namespace AccessPlane.ControlPlane.Policies;

/// <summary>Rules about relations and columns that no database has, as far as agents have looked: a slip of the pen, or a thing to come.</summary>
internal static class PolicyCatalogChecks
{
    public static void Run(PolicyProblems problems, CatalogKnowledge catalogs, IReadOnlyList<Placed<Guardrail>> guardrails, IReadOnlyList<Placed<MaskRule>> masks)
    {
        var known = new Dictionary<string, NamesInUse?>(StringComparer.Ordinal);
        foreach (var (rule, at) in guardrails)
        {
            var match = at["match"] as YamlMap;
            Missing(rule.Resource, match?["relations"], "relation", (names, pattern) => names.HasRelation(pattern));
            Missing(rule.Resource, match?["columns"], "column", (names, pattern) => names.HasColumn(pattern));
        }
        foreach (var (mask, at) in masks)
        {
            Missing(mask.Resource, at["columns"], "column", (names, pattern) => names.HasColumn(pattern));
        }

        void Missing(string resource, YamlNode? patterns, string what, Func<NamesInUse, string, bool> has)
        {
            foreach (var pattern in (patterns as YamlList)?.Items.OfType<YamlScalar>() ?? [])
            {
                if (Names(resource) is { } names && !problems.Spoilt(pattern) && !has(names, pattern.Value))
                {
                    problems.Warning(pattern, $"no database of `{resource}` that its agents have seen has such a {what}: `{pattern.Value}`");
                }
            }
        }

        NamesInUse? Names(string resource) => known.TryGetValue(resource, out var names) ? names : known[resource] = catalogs.Of(resource);
    }
}

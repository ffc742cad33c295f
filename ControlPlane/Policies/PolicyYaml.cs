using AccessPlane.Contracts.Policy;
using AccessPlane.ControlPlane.Resources;

namespace AccessPlane.ControlPlane.Policies;

/// <param name="Model">Null where the document has errors.</param>
/// <param name="Problems">In the order of the document.</param>
public sealed record PolicyReading(PolicyModel? Model, IReadOnlyList<PolicyProblem> Problems)
{
    public bool IsValid => Model is not null;
}

/// <summary>YAML text → <see cref="PolicyModel"/>, with every problem at once.</summary>
public static class PolicyYaml
{
    private static readonly string[] Sections = ["resources", "entitlements", "guardrails", "masks", "limits", "directory", "mode"];

    /// <param name="catalogs">What is known of databases: nothing, where no agent has looked.</param>
    public static PolicyReading Read(string text, CatalogKnowledge? catalogs = null)
    {
        ArgumentNullException.ThrowIfNull(text);
        var problems = new PolicyProblems();
        var fields = new PolicyFields(problems);
        var root = YamlText.Read(text, problems);
        if (root is null or YamlScalar { IsNull: true })
        {
            if (!problems.Any)
            {
                problems.Add(new PolicyProblem(ProblemSeverity.Error, 1, 1, "the document is empty", ""));
            }
            return new PolicyReading(null, problems.InOrder);
        }
        var model = Document(fields, root, catalogs ?? CatalogKnowledge.Nothing);
        return new PolicyReading(problems.Any ? null : model, problems.InOrder);
    }

    private static PolicyModel? Document(PolicyFields fields, YamlNode root, CatalogKnowledge catalogs)
    {
        if (fields.Map(root, Sections) is not { } map)
        {
            return null;
        }
        var mode = PolicyGuardrails.Mode(fields, map["mode"]);
        var resources = PolicyResources.Read(fields, map["resources"]);
        var directory = PolicyDirectory.Read(fields, map["directory"]);
        var entitlements = PolicyEntitlements.Read(fields, map["entitlements"]);
        var guardrails = PolicyGuardrails.Read(fields, map["guardrails"]);
        var masks = PolicyMasks.Read(fields, map["masks"]);
        var limits = PolicyLimits.Read(fields, map["limits"]);
        var model = new PolicyModel([.. resources.Select(r => r.Terms)], [.. entitlements.Select(e => e.Terms)], directory)
        {
            Guardrails = [.. guardrails.Select(g => g.Terms)],
            Masks = [.. masks.Select(m => m.Terms)],
            Limits = [.. limits.Select(l => l.Terms)],
            Mode = mode ?? PolicyMode.Enforce,
        };
        PolicyChecks.Run(fields.Problems, model, resources, entitlements);
        PolicyRuleChecks.Run(fields.Problems, model, entitlements, guardrails, masks, limits);
        PolicyMaskingChecks.Run(fields.Problems, model, entitlements, masks);
        PolicyCatalogChecks.Run(fields.Problems, catalogs, guardrails, masks);
        return model;
    }
}

/// <summary>What was read, with its place in the document.</summary>
internal sealed record Placed<T>(T Terms, YamlMap At);

using AccessPlane.Contracts.Policy;

namespace AccessPlane.ControlPlane.Policies;

/// <summary>What follows from who hides a resource's columns.</summary>
internal static class PolicyMaskingChecks
{
    public static void Run(PolicyProblems problems, PolicyModel model, IReadOnlyList<Placed<Entitlement>> entitlements, IReadOnlyList<Placed<MaskRule>> masks)
    {
        foreach (var (entitlement, at) in entitlements.Where(e => e.Terms.Login is not null))
        {
            Login(problems, model, entitlement, entitlement.Login!, at);
        }
        foreach (var (rule, at) in masks.Where(m => m.Terms.Columns.Count > 0 && model.Resource(m.Terms.Resource)?.Masking == MaskingMode.Server))
        {
            if (rule.With.Kind == MaskKind.Hash)
            {
                problems.Error(at["with"]!, "`hash` needs a key, and views hold none: under `masking: server` take another, such as `redact` or `keep-last`");
            }
            if (at["inference"] is { } inference && !problems.Spoilt(inference))
            {
                problems.Warning(inference, "under `masking: server` conditions, orders and groups see the masked value: `inference` changes nothing");
            }
        }
    }

    private static void Login(PolicyProblems problems, PolicyModel model, Entitlement entitlement, LoginTerms login, YamlMap at)
    {
        var node = at["login"]!;
        if (model.Resource(entitlement.Resource)?.Masking == MaskingMode.Wire)
        {
            problems.Error(node, $"`login` needs `masking: server` on `{entitlement.Resource}`: with `wire` every session uses the agent's own login");
            return;
        }
        if (entitlement.Scope.OnlyReads && login.Privileges.Count > 0 && (node as YamlMap)?["privileges"] is { } privileges && !problems.Spoilt(privileges))
        {
            if (!login.Privileges.Contains("select"))
            {
                problems.Error(privileges, "the entitlement's `scope` only reads, so its login gets nothing but `select`: with these it would get nothing");
            }
            else if (login.Privileges.Count > 1)
            {
                problems.Warning(privileges, "the entitlement's `scope` only reads: its login gets nothing but `select`");
            }
        }
    }
}

using AccessPlane.Contracts.Identity;

namespace AccessPlane.Contracts.Policy;

/// <summary>The mask rules that PostgreSQL itself enforces for one actor on one resource: rules of columns, in the order of the document. Both are empty
/// where the agent hides columns on the wire. A rule that is only watched masks nothing and is in neither.</summary>
/// <param name="Masked">Those that apply: the actor's login sees their columns masked.</param>
/// <param name="Exempt">Those whose `unless` is for the actor: the login sees these columns as they are.</param>
public sealed record ServerMasks(IReadOnlyList<MaskRule> Masked, IReadOnlyList<MaskRule> Exempt)
{
    public static ServerMasks None { get; } = new([], []);

    public static ServerMasks For(PolicyModel policy, string resource, Actor actor)
    {
        var rules = RulesOf(policy, resource);
        if (rules.Count == 0)
        {
            return None;
        }
        var byExemption = rules.ToLookup(r => policy.Excepts(r.Unless, actor));
        return new ServerMasks([.. byExemption[false]], [.. byExemption[true]]);
    }

    /// <summary>Every rule that PostgreSQL enforces on a resource, whoever comes.</summary>
    public static IReadOnlyList<MaskRule> RulesOf(PolicyModel policy, string resource)
    {
        ArgumentNullException.ThrowIfNull(policy);
        return policy.Resource(resource)?.Masking == MaskingMode.Server
            ? [.. policy.Masks.Where(m => m.Resource == resource && m.Columns.Count > 0 && (m.Mode ?? policy.Mode) == PolicyMode.Enforce)]
            : [];
    }
}

using AccessPlane.Contracts.Messages;

namespace AccessPlane.Agent.Protocols.PostgreSql.Masking;

/// <summary>What a masked session's login is a member of: all it may see. It owns nothing, belongs to no other role, and cannot log in itself.</summary>
/// <param name="Role">The group's name.</param>
/// <param name="Schemas">Schemas with masked relations, each with the schema of their masks.</param>
/// <param name="SearchPath">The value for a session's `search_path`: each schema's masks come before it.</param>
/// <param name="Plan"><see cref="MaskingState.PlanOf"/> what sets all of it up from nothing.</param>
/// <param name="Views">`schema.relation` → `schema.view` of its mask.</param>
/// <param name="Help">For those who hold it.</param>
internal sealed record MaskGroup(
    string Role, IReadOnlyList<(string Base, string Mask)> Schemas, string SearchPath, string Plan, IReadOnlyDictionary<string, string> Views, MaskHelp Help)
{
    public static MaskGroup Of(MaskGround ground, MaskDesign design, string plan)
    {
        var masks = design.Schemas.ToDictionary(s => s.Base, s => s.Mask);
        var path = ground.Agent.Path.SelectMany(s => masks.TryGetValue(s, out var mask) ? new[] { mask, s } : [s]).Select(MaskSql.Name);
        return new MaskGroup(design.Name.Group, design.Schemas, string.Join(", ", path), plan,
            design.Views.ToDictionary(v => v.Relation.FullName, v => $"{v.Schema}.{v.Name}"), MaskHelp.Of(ground, design));
    }
}

/// <summary>Whether masked sessions can begin.</summary>
/// <param name="Group">What their logins become members of; null where none may begin.</param>
/// <param name="Unavailable">Why none may, and what to do; null where they may.</param>
/// <param name="Findings">Ways to masked data, and what else a person should know.</param>
/// <param name="Sql">What is still to be run, in one transaction; empty for nothing.</param>
/// <param name="Plan"><see cref="MaskingState.PlanOf"/> what sets all of it up from nothing; empty where that cannot be said.</param>
internal sealed record MaskOutcome(MaskGroup? Group, string? Unavailable, IReadOnlyList<MaskingFinding> Findings, string Sql, string Plan);

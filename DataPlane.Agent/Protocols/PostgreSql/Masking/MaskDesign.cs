using AccessPlane.Contracts.Messages;

namespace AccessPlane.Agent.Protocols.PostgreSql.Masking;

/// <summary>What there has to be in the database for one set of rules and terms.</summary>
/// <param name="Schemas">Schemas with masked relations, each with the schema of their masks.</param>
/// <param name="GroupRights">Of the group: all it may do, beyond what PUBLIC may.</param>
/// <param name="OwnerRights">Of the owner of masks: what its views need.</param>
/// <param name="Findings">What a person should know of what is not there.</param>
/// <param name="Known">Every relation there is.</param>
/// <param name="Unavailable">Why it cannot be made; null where it can.</param>
internal sealed record MaskDesign(
    MaskName Name, IReadOnlyList<(string Base, string Mask)> Schemas, IReadOnlyList<MaskView> Views, IReadOnlyList<MaskRight> GroupRights,
    IReadOnlyList<MaskRight> OwnerRights, MaskedSet Masked, IReadOnlyList<MaskingFinding> Findings,
    IReadOnlySet<uint> Known, string? Unavailable)
{
    /// <summary>What sessions are refused of it, and why.</summary>
    public IReadOnlyList<MaskReason> Reasons { get; init; } = [];

    /// <summary>What is to be known of tables at the next look: of those with views, and of masked ones that the terms' roles cannot read themselves.</summary>
    public IReadOnlyList<MaskRemembered> Remembered { get; init; } = [];
}

/// <param name="Schema">Of the mask.</param>
/// <param name="Name">As the relation's.</param>
/// <param name="Create">The statement that makes it.</param>
internal sealed record MaskView(string Schema, string Name, GroundRelation Relation, string Create, MaskRecord Record)
{
    public string Sql => MaskSql.Name(Schema, Name);

    /// <summary>What people are told who look at it: of its columns, and of itself as of <see cref="MaskWords.Whole"/>.</summary>
    public IReadOnlyDictionary<string, string> Comments { get; init; } = new Dictionary<string, string>();
}

namespace AccessPlane.Agent.Protocols.PostgreSql.Masking;

/// <summary>Why a masked session is refused something of one relation, in words for whoever is refused.</summary>
/// <param name="Relation">`schema.relation`.</param>
/// <param name="On">The kind of statement that it is about; null for every one.</param>
/// <param name="Why">What is so.</param>
/// <param name="Instead">What to do.</param>
internal sealed record MaskReason(string Relation, string? On, string Why, string Instead)
{
    public const string AskUnmasked = "ask for an entitlement from which no columns are hidden";

    public static MaskReason Hidden(GroundRelation relation, string why) => new(
        relation.FullName, null, $"`{relation.FullName}` is not for sessions from which columns are hidden: {why}",
        relation.Kind is 'v' or 'm' ? $"read the tables behind it, which show masks; or {AskUnmasked}" : AskUnmasked);

    public static MaskReason Withheld(GroundRelation relation, string? on, string what, string why) => new(
        relation.FullName, on, $"{what} of `{relation.FullName}` are withheld from sessions from which columns are hidden: {why}", AskUnmasked);

    public static MaskReason Tangled(GroundRelation relation, IEnumerable<string> columns, string on) => new(
        relation.FullName, on, $"in `{relation.FullName}` a constraint or an index looks at {string.Join(", ", columns.Select(c => $"`{c}`"))} together with a masked column: " +
            "whether a value is taken would tell of that one", $"leave these columns out; or {AskUnmasked}");

    /// <summary>Which role that is, is not for clients.</summary>
    public static MaskReason NotGiven(GroundRelation relation, string? on) => new(
        relation.FullName, on, $"the agent's own role may not pass this on for `{relation.FullName}`", "tell the operator of this agent: what its role lacks is listed with the resource's masking");

    /// <summary>Who reads a view in a table's place is refused the table itself.</summary>
    public static MaskReason Behind(GroundRelation relation) => new(
        relation.FullName, null, $"`{relation.FullName}` has masked columns: a session from which columns are hidden reads a view in its place, and what reaches for the table itself is refused",
        $"name it in the statement itself, where no function or view stands between; or {AskUnmasked}");
}

namespace AccessPlane.Agent.Protocols.PostgreSql.Masking;

/// <summary>What is to be known of a table at the next look, and where that is written. Pure.</summary>
/// <param name="Schema">Of the mask, whether or not a view is in it.</param>
/// <param name="Name">As the table's.</param>
internal sealed record MaskRemembered(string Schema, string Name, MaskMemory Memory)
{
    public static IReadOnlyList<MaskRemembered> Of(MaskGround ground, MaskName name, MaskedSet masked, IReadOnlyList<MaskView> views)
    {
        MaskRemembered Now(GroundRelation relation) =>
            new(name.Schema(relation.Schema), relation.Name, MaskMemory.Of(ground.Agent, relation, masked.Old(relation), masked));
        return [.. views.Select(v => Now(v.Relation)), .. Unread(ground, name, masked, views).Select(r => AsItIs(ground, name, r) ?? Now(r))];
    }

    /// <summary>
    /// Masked tables without a view, because the terms' roles cannot read them: a view that somebody else made over one may be readable all the same, and is judged
    /// by what is known of the table.
    /// </summary>
    private static IEnumerable<GroundRelation> Unread(MaskGround ground, MaskName name, MaskedSet masked, IReadOnlyList<MaskView> views)
    {
        var shown = views.Select(v => v.Relation.Oid).ToHashSet();
        var schemas = views.Select(v => v.Relation.Schema).ToHashSet();
        return ground.Relations.Where(r => r.IsTable && masked.Relations.Contains(r.Oid) && !shown.Contains(r.Oid) &&
            (ground.Agent.MayCreate || schemas.Contains(r.Schema) || ground.Made.Schemas.ContainsKey(name.Schema(r.Schema))));
    }

    /// <summary>Where no view shows what is old, what was remembered under that name knows it.</summary>
    private static MaskRemembered? AsItIs(MaskGround ground, MaskName name, GroundRelation relation) =>
        ground.Made.Memories.FirstOrDefault(m => m.Schema == name.Schema(relation.Schema) && m.Name == relation.Name) is { Memory: { } memory } there
            ? new MaskRemembered(there.Schema, there.Name, memory)
            : null;
}

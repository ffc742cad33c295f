namespace AccessPlane.Agent.Protocols.PostgreSql.Masking;

/// <summary>
/// Columns that are newer than the masks: of a table that is known, those that were not shown under their number and name; of one that is new itself, those
/// that a known parent, child or partition of it does not show. Pure.
/// </summary>
internal static class MaskNewColumns
{
    public static IReadOnlySet<GroundPlace> Of(MaskGround ground, IReadOnlyDictionary<uint, KnownTable> known)
    {
        var newer = new HashSet<GroundPlace>();
        foreach (var table in ground.Relations.Where(r => known.ContainsKey(r.Oid)))
        {
            newer.UnionWith(table.Columns.Where(c => !known[table.Oid].Shown.Contains((c.Number, c.Name))).Select(c => new GroundPlace(table.Oid, c.Number)));
        }
        var same = MaskedSet.Inherited(ground).SelectMany(i => new[] { i, (One: i.Other, Other: i.One) }).Where(i => !known.ContainsKey(i.Other.Relation)).ToList();
        for (var before = -1; before != newer.Count;)
        {
            before = newer.Count;
            newer.UnionWith(same.Where(i => newer.Contains(i.One)).Select(i => i.Other).ToList());
        }
        return newer;
    }
}

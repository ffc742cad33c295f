namespace AccessPlane.Agent.Protocols.PostgreSql.Masking;

/// <summary>Which writes would tell something about masked values: by failing, or by not failing. Pure.</summary>
internal static class MaskWrites
{
    /// <summary>Columns that a constraint, an index or an expression looks at together with a masked one: whether a new value is taken depends on both.</summary>
    public static HashSet<short> Tangled(MaskGround ground, MaskedSet masked, GroundRelation relation) =>
        [.. ground.Tangles.Where(t => t.Relation == relation.Oid && t.Columns.Any(c => masked.Of(relation.Oid, c) is not null)).SelectMany(t => t.Columns)];

    /// <summary>What happens to other relations along with a write, by foreign keys, at whatever distance: the server does it with the rights of their owners.</summary>
    public static bool ReachesTriggersOverMasks(MaskGround ground, MaskedSet masked, uint relation, TableRights write)
    {
        var relations = ground.Relations.ToDictionary(r => r.Oid);
        var seen = new HashSet<(uint, TableRights)>();
        var next = new Queue<(uint Relation, TableRights Write)>([(relation, write)]);
        while (next.TryDequeue(out var at))
        {
            foreach (var on in ground.Cascades.Where(c => c.Of == at.Relation && c.On == at.Write && seen.Add((c.To, c.Does))))
            {
                if (masked.Relations.Contains(on.To) && relations.GetValueOrDefault(on.To) is { } to && to.Triggers.HasFlag(on.Does))
                {
                    return true;
                }
                next.Enqueue((on.To, on.Does));
            }
        }
        return false;
    }

    /// <summary>A foreign key over masked values leads to it: whether a row can go depends on whether its values are referred to.</summary>
    public static bool IsReferredTo(MaskGround ground, MaskedSet masked, GroundRelation relation) =>
        ground.Links.Any(l => l.Other.Relation == relation.Oid && masked.Columns.ContainsKey(l.Other));
}

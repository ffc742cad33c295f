using System.Text.Json;
using AccessPlane.Contracts;
using AccessPlane.Contracts.Policy;

namespace AccessPlane.Agent.Protocols.PostgreSql.Masking;

/// <summary>
/// Which columns a table's view showed, kept where nothing that happens to the table or to the view reaches: `DROP … CASCADE` takes a view along, and what is
/// written on it. It is the comment on a text search dictionary beside the view and of its name: of all that a schema can hold, something that depends on
/// nothing, that no client lists among tables and types, and on which no privilege can be granted. A masked table that nobody is given a view of has one too:
/// its columns but for those that are newer than the masks.
/// </summary>
/// <param name="Schema">The table's, and its name: one that is made again under it is known by them.</param>
/// <param name="Relation">The table's OID: under another name it is known by that, in the database that it was remembered in.</param>
/// <param name="Columns">Those that were shown, with their numbers.</param>
/// <param name="Masks">Of those that are masked, shown or not.</param>
/// <param name="Unseen">Masked ones that were not shown, with their numbers; null in what an agent of a version before remembered.</param>
/// <param name="Database">Which one that is (<see cref="GroundAgent.Identity"/>): a dump carries the memory into others, where its OID is anybody's. Null where an
/// agent of a version before remembered.</param>
internal sealed record MaskMemory(
    string Schema, string Name, uint Relation, IReadOnlyDictionary<string, short> Columns, IReadOnlyDictionary<string, MaskWith> Masks,
    IReadOnlyDictionary<string, short>? Unseen = null, string? Database = null)
{
    /// <summary>Of tables that are no more: those that were made last are remembered, until the masks themselves go.</summary>
    public const int MostGone = 1_000;

    public string Comment() => JsonSerializer.Serialize(this, Json.Options);

    /// <returns>Null where it says something else.</returns>
    public static MaskMemory? Of(string? comment)
    {
        try
        {
            return comment is null ? null : JsonSerializer.Deserialize<MaskMemory>(comment, Json.Untrusted);
        }
        catch (JsonException)
        {
            return null;
        }
    }

    public static MaskMemory Of(GroundAgent agent, GroundRelation relation, IReadOnlyList<GroundColumn> shown, MaskedSet masked)
    {
        var masks = relation.Columns.Where(c => masked.Of(relation.Oid, c.Number) is not null).ToList();
        return new MaskMemory(
            relation.Schema, relation.Name, relation.Oid, shown.ToDictionary(c => c.Name, c => c.Number), masks.ToDictionary(c => c.Name, c => masked.Of(relation.Oid, c.Number)!),
            masks.Except(shown).ToDictionary(c => c.Name, c => c.Number), agent.Identity);
    }

    /// <summary>
    /// What is known of each table that there is. A table that lives is known by its OID and its columns by their numbers, whatever it is called by now; one
    /// that took the name of a known one is known by that, and its columns by theirs: their numbers are new. A table that was renamed has a
    /// memory of each name, and none but the last is written any more: shown is what all of them showed, and masked what one of them masked. Where there is
    /// none, an agent of a version before wrote on the view alone.
    /// </summary>
    public static IReadOnlyDictionary<uint, KnownTable> Known(MaskGround ground)
    {
        var byOid = ground.Made.Memories.Select(m => m.Memory).OfType<MaskMemory>().Where(m => m.Database is null || m.Database == ground.Agent.Identity).ToLookup(m => m.Relation);
        var byName = ByName(ground);
        var remembered = ground.Made.Memories.Select(m => (m.Schema, m.Name)).ToHashSet();
        var onViews = ground.Made.Views.Where(v => !remembered.Contains((v.Schema, v.Name))).Select(v => v.Record).OfType<MaskRecord>().ToLookup(r => r.Relation, r => KnownTable.Of(r.Columns));
        var known = new Dictionary<uint, KnownTable>();
        foreach (var table in ground.Relations.Where(r => r.IsTable))
        {
            if ((KnownTable.All(byOid[table.Oid].Select(m => m.ByNumber())) ?? KnownTable.All(byName[(table.Schema, table.Name)].Select(m => m.In(table))) ??
                KnownTable.All(onViews[table.Oid])) is { } told)
            {
                known[table.Oid] = told;
            }
        }
        return known;
    }

    /// <summary>By the names that tables had.</summary>
    public static ILookup<(string Schema, string Name), MaskMemory> ByName(MaskGround ground) =>
        ground.Made.Memories.Select(m => m.Memory).OfType<MaskMemory>().ToLookup(m => (m.Schema, m.Name));

    private KnownTable ByNumber() => Told(Columns.Concat(Unseen ?? Enumerable.Empty<KeyValuePair<string, short>>()).Select(c => (c.Value, c.Key)));

    private KnownTable In(GroundRelation table) => Told(table.Columns.Select(c => (c.Number, c.Name)));

    private KnownTable Told(IEnumerable<(short Number, string Name)> columns)
    {
        var all = columns.ToHashSet();
        return new KnownTable(
            all.Where(c => Columns.ContainsKey(c.Name)).ToHashSet(),
            all.Where(c => Masks.GetValueOrDefault(c.Name) is not null).ToLookup(c => c.Number, c => Masks[c.Name]).ToDictionary(m => m.Key, m => MaskedSet.Together(m)));
    }
}

/// <summary>What is known of a table: which columns it showed, and which are masked whether it showed them or not.</summary>
internal sealed record KnownTable(IReadOnlySet<(short Number, string Name)> Shown, IReadOnlyDictionary<short, MaskWith> Masks)
{
    public static KnownTable Of(IReadOnlyList<MaskedColumn> columns) => new(
        columns.Select(c => (c.Number, c.Name)).ToHashSet(), columns.Where(c => c.Mask is not null).ToDictionary(c => c.Number, c => c.Mask!));

    /// <summary>What several memories of one table say together; null where there is none.</summary>
    public static KnownTable? All(IEnumerable<KnownTable> told) => told.ToList() is { Count: > 0 } all
        ? new KnownTable(
            all.Select(t => t.Shown.AsEnumerable()).Aggregate((one, other) => one.Intersect(other)).ToHashSet(),
            all.SelectMany(t => t.Masks).ToLookup(m => m.Key, m => m.Value).ToDictionary(m => m.Key, m => MaskedSet.Together(m)))
        : null;
}

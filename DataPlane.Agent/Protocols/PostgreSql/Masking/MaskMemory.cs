using System.Text.Json;
using AccessPlane.Contracts;
using AccessPlane.Contracts.Policy;

namespace AccessPlane.Agent.Protocols.PostgreSql.Masking;

/// <summary>
/// Which columns a table's view showed, kept where nothing that happens to the table or to the view reaches: `DROP … CASCADE` takes a view along, and what is
/// written on it. It is the comment on a text search dictionary beside the view and of its name: of all that a schema can hold, something that depends on
/// nothing, that no client lists among tables and types, and on which no privilege can be granted.
/// </summary>
/// <param name="Schema">The table's, and its name: one that is made again under it is known by them.</param>
/// <param name="Relation">The table's OID: under another name it is known by that.</param>
/// <param name="Columns">Those that were shown, with their numbers.</param>
/// <param name="Masks">Of those that are masked.</param>
internal sealed record MaskMemory(string Schema, string Name, uint Relation, IReadOnlyDictionary<string, short> Columns, IReadOnlyDictionary<string, MaskWith> Masks)
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

    public static MaskMemory Of(GroundRelation relation, IReadOnlyList<MaskedColumn> columns) => new(
        relation.Schema, relation.Name, relation.Oid, columns.ToDictionary(c => c.Name, c => c.Number), columns.Where(c => c.Mask is not null).ToDictionary(c => c.Name, c => c.Mask!));

    /// <summary>
    /// What is known of each table that there is. A table that lives is known by its OID and its columns by their numbers, whatever it is called by now; one
    /// that took the name of a known one is known by that, and its columns by theirs: their numbers are new. What was shown only ever becomes less, so that of
    /// several memories of one table the one with the fewest columns is the latest. Where there is none, an agent of a version before wrote on the view alone.
    /// </summary>
    public static IReadOnlyDictionary<uint, IReadOnlyList<MaskedColumn>> Known(MaskGround ground)
    {
        var memories = ground.Made.Memories.Select(m => m.Memory).OfType<MaskMemory>().ToList();
        var byOid = memories.ToLookup(m => m.Relation);
        var byName = ByName(ground);
        var onViews = ground.Made.Views.Select(v => v.Record).OfType<MaskRecord>().ToLookup(r => r.Relation, r => r.Columns);
        var known = new Dictionary<uint, IReadOnlyList<MaskedColumn>>();
        foreach (var table in ground.Relations.Where(r => r.IsTable))
        {
            var columns = byOid[table.Oid].MinBy(m => m.Columns.Count)?.AsShown() ?? byName.GetValueOrDefault((table.Schema, table.Name))?.In(table) ?? onViews[table.Oid].FirstOrDefault();
            if (columns is not null)
            {
                known[table.Oid] = columns;
            }
        }
        return known;
    }

    /// <summary>By the names that tables had.</summary>
    public static IReadOnlyDictionary<(string Schema, string Name), MaskMemory> ByName(MaskGround ground) =>
        ground.Made.Memories.Select(m => m.Memory).OfType<MaskMemory>().GroupBy(m => (m.Schema, m.Name)).ToDictionary(g => g.Key, g => g.MinBy(m => m.Columns.Count)!);

    private List<MaskedColumn> AsShown() => [.. Columns.Select(c => new MaskedColumn(c.Value, c.Key, Masks.GetValueOrDefault(c.Key)))];

    private List<MaskedColumn> In(GroundRelation table) =>
        [.. table.Columns.Where(c => Columns.ContainsKey(c.Name)).Select(c => new MaskedColumn(c.Number, c.Name, Masks.GetValueOrDefault(c.Name)))];
}

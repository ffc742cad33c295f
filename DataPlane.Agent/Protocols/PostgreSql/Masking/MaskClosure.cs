using System.Globalization;
using System.Text.Json;
using AccessPlane.Contracts.Messages;

namespace AccessPlane.Agent.Protocols.PostgreSql.Masking;

/// <summary>
/// Looks for ways on which a member of the group could come to what the masks hide: other privileges, code with other rights, other servers, texts that
/// everybody can read. Views enforce nothing while such a way is open, so that each is a finding, and says what closes it.
/// </summary>
internal static class MaskClosure
{
    /// <summary>Within the transaction in which the ground was read.</summary>
    /// <exception cref="IOException">It cannot be asked.</exception>
    public static async Task<IReadOnlyList<MaskingFinding>> Check(PgQueries own, MaskGround ground, MaskDesign design, CancellationToken cancel)
    {
        var found = new List<MaskingFinding>();
        if (!design.Masked.Covered.Any())
        {
            return found; // nothing is hidden from these logins
        }
        found.AddRange(ground.Made.Strange.Select(s => new MaskingFinding(
            "drift", s, "whatever that allows: the group was never given it", $"drop owned by {MaskSql.Name(design.Name.Group)}", true)));
        var queries = new MaskClosureSql(
            ground.Made.HasGroup ? design.Name.Group : "public",
            Rows(design.Masked.Covered.Select(p => $"{p.Relation}::oid, {p.Column}::int2"), "0::oid, 0::int2", "rel, col"),
            Rows(design.Masked.Hidden.Keys.Select(r => $"{r}::oid"), "0::oid", "rel"),
            Rows(Writable(ground, design).Select(r => $"{r}::oid"), "0::oid", "rel"));
        foreach (var (kind, sql) in queries.All)
        {
            foreach (var row in await own.Rows(sql, cancel))
            {
                found.Add(new MaskingFinding(kind, row[0]!, row[1]!, row[2]!, row[3] == "t"));
            }
        }
        foreach (var row in await own.Rows(MaskLiterals.Sql, cancel))
        {
            var columns = row[4] is { } json ? JsonSerializer.Deserialize<short[]>(json)! : [];
            var isMasked = columns.Any(c => design.Masked.Of(uint.Parse(row[3]!, CultureInfo.InvariantCulture), c) is not null);
            if (MaskLiterals.Judge(row[0]!, row[1]!, row[2] ?? "", isMasked, row[5]!) is { } finding)
            {
                found.Add(finding);
            }
        }
        return found;
    }

    /// <summary>Relations that change when the group writes: those that it may write, those behind its views, and their children.</summary>
    private static HashSet<uint> Writable(MaskGround ground, MaskDesign design)
    {
        var written = design.GroupRights.Where(r => r is { On: "table", Privilege: "INSERT" or "UPDATE" or "DELETE" }).Select(r => r.Object).ToHashSet();
        var all = ground.Relations.Where(r => written.Contains(r.Sql)).Select(r => r.Oid).Concat(design.Views.Where(v => written.Contains(v.Sql)).Select(v => v.Relation.Oid)).ToHashSet();
        for (var before = -1; before != all.Count;)
        {
            before = all.Count;
            all.UnionWith(ground.Readings.Where(r => all.Contains(r.Relation) && r.From != 0).Select(r => r.From));
            all.UnionWith(ground.Inherits.Where(i => all.Contains(i.Parent)).Select(i => i.Child));
        }
        return all;
    }

    private static string Rows(IEnumerable<string> rows, string empty, string columns)
    {
        var all = string.Join(", ", rows.Select(r => $"({r})"));
        return all.Length == 0 ? $"select * from (values ({empty})) v({columns}) where false" : $"select * from (values {all}) v({columns})";
    }
}

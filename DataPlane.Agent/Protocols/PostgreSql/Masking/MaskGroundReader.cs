using System.Globalization;
using System.Text.Json;
using AccessPlane.Contracts;
using AccessPlane.Contracts.Sql;

namespace AccessPlane.Agent.Protocols.PostgreSql.Masking;

/// <summary>Reads the ground within a transaction that somebody else began: everything in it is of one moment.</summary>
internal static class MaskGroundReader
{
    /// <param name="members">Roles of the terms; where there are none, what the agent's own role may do counts.</param>
    /// <param name="name">Of the design whose schemas and group are looked at.</param>
    /// <exception cref="IOException">It cannot be read.</exception>
    public static async Task<MaskGround> Read(PgQueries own, IReadOnlyList<string> members, Func<GroundAgent, MaskName> name, CancellationToken cancel)
    {
        var path = (await own.Rows(MaskGroundSql.Path, cancel))[0][0]!;
        await own.Rows(MaskGroundSql.Plain, cancel);
        var agent = Agent((await own.Rows(MaskGroundSql.Agent(members), cancel))[0], path, own.Cluster);
        var roles = members.Count == 0 ? [agent.Role] : members.Except(agent.Missing).ToArray();
        var held = $"unnest({MaskSql.Texts(roles)}::name[])";
        async Task<List<T>> All<T>(string sql, Func<string?[], T> row) => (await own.Rows(sql, cancel)).ConvertAll(r => row(r));
        return new MaskGround(
            agent,
            await All(MaskGroundSql.Schemas(held), r => new GroundSchema(r[0]!, r[1] == "t", r[2] == "t", r[3] == "t")),
            await All(MaskGroundSql.Relations(held), Relation),
            await All(MaskGroundSql.Inherits, r => (Oid(r[0]), Oid(r[1]))),
            await All(MaskGroundSql.Links, r => (Place(r[0], r[1]), Place(r[2], r[3]))),
            await All(MaskGroundSql.Cascades, r => new GroundCascade(Oid(r[0]), Rights(r[1]), Oid(r[2]), Rights(r[3]))),
            await All(MaskGroundSql.Generated, r => (Place(r[0], r[1]), Short(r[2]))),
            await All(MaskGroundSql.Tangles, r => (Oid(r[0]), (IReadOnlyList<short>)JsonSerializer.Deserialize<short[]>(r[1]!)!)),
            await All(MaskGroundSql.Readings, r => new GroundReading(Oid(r[0]), r[1] == "t", Oid(r[2]), Short(r[3]), r[4] == "t")),
            await All(MaskGroundSql.Routines(held), r => new GroundRoutine(r[0]!, r[1]!, r[2] == "t")),
            await Made(own, name(agent), cancel));
    }

    /// <summary>What there is of one design.</summary>
    public static async Task<GroundMade> Made(PgQueries own, MaskName name, CancellationToken cancel)
    {
        var schemas = (await own.Rows(MaskGroundSql.MadeSchemas(name.Hash), cancel)).ToDictionary(r => r[0]!, r => r[1]!);
        var views = (await own.Rows(MaskGroundSql.MadeViews(name.Hash), cancel)).ConvertAll(View);
        var rights = await Rights(own, name.Group, cancel);
        var owners = await Rights(own, MaskSql.Owner, cancel);
        var group = await own.Rows(MaskGroundSql.Group(name.Group), cancel);
        return new GroundMade(schemas, views, rights, owners, group.Count == 0 ? [] : Strings(group[0][1]), group.Count > 0, group.Count > 0 ? group[0][0] : null)
        {
            Memories = (await own.Rows(MaskGroundSql.MadeMemories(name.Hash), cancel)).ConvertAll(r => new GroundMemory(r[0]!, r[1]!, r[2]!, MaskMemory.Of(r[3]))),
        };
    }

    /// <summary>All that a role was granted in this database.</summary>
    public static async Task<List<MaskRight>> Rights(PgQueries own, string role, CancellationToken cancel) =>
        (await own.Rows(MaskGroundSql.Rights(role), cancel)).ConvertAll(Right);

    private static GroundAgent Agent(string?[] r, string path, PgCluster? cluster) => new(
        r[0]!, r[1]!, int.Parse(r[2]!, CultureInfo.InvariantCulture), r[3] == "t", r[4] == "t", r[5] == "t", r[6] == "t", r[7] == "t", r[8] == "t", r[9] == "t", r[10] == "t",
        [.. PgSettings.Schemas(path).Where(s => s != "$user")], Strings(r[11]))
    {
        Identity = $"{cluster?.System}/{r[12]}",
    };

    private static GroundView View(string?[] r) => new(r[0]!, r[1]!, r[2]!, r[3]!, r[4]!, Record(r[5]))
    {
        Oid = Oid(r[6]),
        Comments = JsonSerializer.Deserialize<Dictionary<string, string>>(r[7]!)!,
    };

    private static GroundRelation Relation(string?[] r)
    {
        using var columns = JsonDocument.Parse(r[4]!);
        return new GroundRelation(
            Oid(r[0]), r[1]!, r[2]!, r[3]![0], [.. columns.RootElement.EnumerateArray().Select(Column)], Rights(r[5]), Rights(r[6]), r[7] == "t", Rights(r[8]), r[9] == "t")
        {
            Comment = r[10],
        };
    }

    private static GroundColumn Column(JsonElement c) => new(
        c[0].GetString()!, c[1].GetInt16(), c[2].GetString()!, (uint)c[3].GetInt64(), c[4].GetInt32(), c[5].GetString(), c[6].ValueKind == JsonValueKind.Number ? (TableRights)c[6].GetInt32() : TableRights.None)
    {
        Comment = c[7].GetString(),
    };

    private static MaskRight Right(string?[] r) => new(
        r[0]!, r[0] == "routine" ? r[2]! : r[1] is { } schema ? MaskSql.Name(schema, r[2]!) : MaskSql.Name(r[2]!), r[3] is { } column ? MaskSql.Name(column) : null, r[4]!);

    /// <summary>Null where there is none, or none that can be read: what is new can then not be told from what was there.</summary>
    private static MaskRecord? Record(string? comment)
    {
        try
        {
            return comment is null ? null : JsonSerializer.Deserialize<MaskRecord>(comment, Json.Strict);
        }
        catch (JsonException)
        {
            return null;
        }
    }

    private static string[] Strings(string? json) => json is null ? [] : JsonSerializer.Deserialize<string[]>(json) ?? [];

    private static GroundPlace Place(string? relation, string? column) => new(Oid(relation), Short(column));

    private static TableRights Rights(string? bits) => (TableRights)Short(bits);

    private static uint Oid(string? text) => uint.Parse(text ?? "0", CultureInfo.InvariantCulture);

    private static short Short(string? text) => short.Parse(text ?? "0", CultureInfo.InvariantCulture);
}

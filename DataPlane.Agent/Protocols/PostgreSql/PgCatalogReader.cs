using System.Collections.Frozen;
using System.Globalization;
using System.Text.Json;
using AccessPlane.Contracts.Sql;

namespace AccessPlane.Agent.Protocols.PostgreSql;

/// <summary>Reads a database's catalog over a connection of the agent's own, all of it as of one moment.</summary>
internal sealed class PgCatalogReader
{
    /// <summary>Extensions of PostgreSQL's own distribution whose functions only compute.</summary>
    private static readonly FrozenSet<string> Computing = FrozenSet.Create(StringComparer.Ordinal,
        "hstore", "pg_trgm", "pgcrypto", "fuzzystrmatch", "intarray", "citext", "uuid-ossp", "unaccent", "ltree", "cube", "earthdistance", "isn", "seg",
        "btree_gin", "btree_gist", "bloom", "plpgsql");

    private readonly Dictionary<uint, List<PgEffect>> effects = [];
    private readonly Dictionary<uint, List<string>> reads = [];
    private readonly Dictionary<(uint, short), List<string>> sources = [];
    private readonly Dictionary<(uint, short), HashSet<short>> ties = [];
    private readonly Dictionary<(uint, short), List<string>> referring = [];
    private readonly Dictionary<uint, List<uint>> runs = [];
    private readonly Dictionary<uint, PgType> types = [];

    /// <exception cref="IOException">It cannot be read.</exception>
    public static async Task<PgCatalog> Read(PgQueries queries, CancellationToken cancel)
    {
        await queries.Rows(PgCatalogSql.Begin, cancel);
        PgCatalog catalog;
        try
        {
            catalog = await new PgCatalogReader().ReadAll(queries, cancel);
        }
        catch (Exception nonsense) when (nonsense is FormatException or OverflowException or JsonException or InvalidOperationException or ArgumentException
            or IndexOutOfRangeException or NullReferenceException)
        {
            throw new IOException("what the database says of its catalog makes no sense", nonsense);
        }
        await queries.Rows(PgCatalogSql.End, cancel);
        return catalog;
    }

    /// <summary>What differs whenever the catalog does.</summary>
    public static async Task<string> Fingerprint(PgQueries queries, CancellationToken cancel) =>
        await queries.Rows(PgCatalogSql.Fingerprint, cancel) is [[var fingerprint], ..] ? fingerprint ?? "" : throw new IOException("the database does not say what its catalog is");

    private async Task<PgCatalog> ReadAll(PgQueries queries, CancellationToken cancel)
    {
        var session = (await queries.Rows(PgCatalogSql.Session, cancel))[0];
        foreach (var row in await queries.Rows(PgCatalogSql.Types, cancel))
        {
            var type = types.GetValueOrDefault(Oid(row[0])) ?? new PgType(Oid(row[0]), row[1]!, row[2]!, []);
            types[type.Oid] = type with { Runs = [.. type.Runs, Oid(row[3])] };
        }
        foreach (var row in await queries.Rows(PgCatalogSql.FunctionRuns, cancel))
        {
            Of(runs, Oid(row[0])).Add(Oid(row[1]));
        }
        foreach (var row in await queries.Rows(PgCatalogSql.Reads, cancel))
        {
            Of(reads, Oid(row[0])).Add(row[1]!);
        }
        foreach (var row in await queries.Rows(PgCatalogSql.Runs, cancel))
        {
            Of(effects, Oid(row[0])).Add(new PgEffect((PgEvents)Int(row[1]), null, Oid(row[2])));
        }
        foreach (var row in await queries.Rows(PgCatalogSql.Hazards, cancel))
        {
            Of(effects, Oid(row[0])).Add(new PgEffect((PgEvents)Int(row[1]), row[2], Oid(row[3]), row[4])
            {
                Then = (PgEvents)Int(row[5]),
                Keys = row[6] is null ? null : Strings(row[6]),
                Definition = row[7],
            });
        }
        foreach (var row in await queries.Rows(PgCatalogSql.Sources, cancel))
        {
            Of(sources, (Oid(row[0]), (short)Int(row[1]))).Add(row[2]!);
        }
        foreach (var row in await queries.Rows(PgCatalogSql.Referring, cancel))
        {
            Of(referring, (Oid(row[0]), (short)Int(row[1]))).Add(row[2]!);
        }
        foreach (var row in await queries.Rows(PgCatalogSql.Ties, cancel))
        {
            Tie(Oid(row[0]), JsonSerializer.Deserialize<short[]>(row[1]!)!);
        }
        var shipped = await PgShipped.Of(queries, cancel);
        var relations = shipped.Relations.Concat(await queries.Rows(PgCatalogSql.OwnRelations, cancel)).Select(Relation);
        var functions = shipped.Functions.Concat((await queries.Rows(PgCatalogSql.OwnFunctions, cancel)).Select(Function));
        var operators = (await queries.Rows(PgCatalogSql.Operators, cancel)).Select(r => new PgOperator(r[0]!, r[1]!, Oid(r[2])));
        return new PgCatalog(
            Strings(session[1]),
            relations.GroupBy(r => r.FullName).ToFrozenDictionary(g => g.Key, Only),
            functions.GroupBy(f => f.FullName).ToFrozenDictionary(g => g.Key, g => (IReadOnlyList<PgFunction>)[.. g]))
        {
            PathSetting = session[0],
            Operators = operators.GroupBy(o => o.Name).ToFrozenDictionary(g => g.Key, g => (IReadOnlyList<PgOperator>)[.. g]),
            Types = types.Values.GroupBy(t => $"{t.Schema}.{t.Name}").ToFrozenDictionary(g => g.Key, g => g.First() with { Runs = [.. g.SelectMany(t => t.Runs)] }),
            Login = session[3],
            ActsAs = session[4],
            OpaqueChanges = session[2] == "0" ? null : "an event trigger runs along with it",
        };
    }

    private void Tie(uint relation, short[] columns)
    {
        foreach (var column in columns)
        {
            if (!ties.TryGetValue((relation, column), out var all))
            {
                ties[(relation, column)] = all = [];
            }
            all.UnionWith(columns);
        }
    }

    /// <summary>Dots in names can make two relations look like one.</summary>
    private static PgRelation Only(IGrouping<string, PgRelation> same) =>
        same.Count() == 1 ? same.First() : same.First() with { Opaque = $"`{same.Key}` may be one of several" };

    private PgRelation Relation(string?[] row)
    {
        var oid = Oid(row[0]);
        using var columns = JsonDocument.Parse(row[4]!);
        var names = columns.RootElement.EnumerateArray().ToDictionary(c => c[1].GetInt16(), c => $"{row[1]}.{row[2]}.{c[0].GetString()}");
        var all = columns.RootElement.EnumerateArray().Select(c => Column(oid, c, names)).ToList();
        var foreign = row[3] == "f" ? "it is a foreign table: what it reaches is not in this database" : null;
        List<PgEffect> own = effects.GetValueOrDefault(oid) ?? [];
        foreach (var type in all.Select(c => types.GetValueOrDefault(c.Type)).OfType<PgType>())
        {
            own.AddRange(type.Runs.Select(f => new PgEffect((PgEvents)31, null, f)));
        }
        return new PgRelation(oid, row[1]!, row[2]!, row[3]![0], all, Strings(row[5]), foreign, row[6])
        {
            Reads = reads.GetValueOrDefault(oid) ?? [],
            Effects = own,
            HasPolicies = row[7] == "t",
        };
    }

    private PgColumn Column(uint relation, JsonElement column, Dictionary<short, string> names)
    {
        var number = column[1].GetInt16();
        return new PgColumn(column[0].GetString()!, number, (uint)column[2].GetInt64(), sources.GetValueOrDefault((relation, number)) ?? [])
        {
            IsNotNull = column[3].GetBoolean(),
            Ties = ties.TryGetValue((relation, number), out var tied) ? [.. tied.Where(names.ContainsKey).Select(t => names[t])] : [],
            ReferredBy = referring.GetValueOrDefault((relation, number)) ?? [],
        };
    }

    public PgFunction Function(string?[] row)
    {
        var oid = Oid(row[0]);
        List<uint> along = [.. runs.GetValueOrDefault(oid) ?? []];
        if (row[15] is { } argumentTypes)
        {
            using var oids = JsonDocument.Parse(argumentTypes);
            along.AddRange(oids.RootElement.EnumerateArray().SelectMany(t => types.GetValueOrDefault((uint)t.GetInt64())?.Runs ?? []));
        }
        var isAggregate = row[11] == "a";
        return new PgFunction(
            oid, row[1]!, row[2]!, Int(row[3]), row[4] == "t", row[5] == "t", row[6]![0], row[7] == "t", isAggregate ? "aggregate" : row[8]!, isAggregate ? "" : row[9])
        {
            Defaults = Int(row[10]),
            IsKnown = row[12] is { } extension && Computing.Contains(extension),
            SearchPath = Strings(row[13]).Where(s => s.StartsWith("search_path=", StringComparison.Ordinal))
                .Select(s => PgSettings.Schemas(s["search_path=".Length..])).FirstOrDefault() is { } path ? WithCatalog(path) : null,
            Definition = row[14],
            Version = Oid(row[16]),
            Runs = [.. along.Where(f => f != 0).Distinct()],
        };
    }

    /// <summary>`pg_catalog` comes first where it is not named.</summary>
    private static IReadOnlyList<string> WithCatalog(IReadOnlyList<string> path) => path.Contains("pg_catalog") ? path : ["pg_catalog", .. path];

    private static List<T> Of<TKey, T>(Dictionary<TKey, List<T>> all, TKey key)
        where TKey : notnull
    {
        if (!all.TryGetValue(key, out var list))
        {
            all[key] = list = [];
        }
        return list;
    }

    private static string[] Strings(string? json) => json is null ? [] : JsonSerializer.Deserialize<string[]>(json) ?? [];

    private static uint Oid(string? text) => uint.Parse(text ?? "0", CultureInfo.InvariantCulture);

    private static int Int(string? text) => int.Parse(text ?? "0", CultureInfo.InvariantCulture);
}

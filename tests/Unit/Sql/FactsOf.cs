using System.Collections.Frozen;
using System.Text;
using AccessPlane.Agent.Protocols.PostgreSql;
using AccessPlane.Contracts.Sql;

namespace AccessPlane.Tests.Unit.Sql;

/// <summary>A small shop's catalog, and the facts of texts in it.</summary>
internal sealed class FactsOf
{
    private readonly List<PgRelation> relations = [];
    private readonly List<PgFunction> functions = [];
    private readonly List<PgOperator> operators = [];
    private readonly List<PgType> types = [];
    private uint next = 20000;

    public string? PathSetting { get; init; }

    private PgAnalyst? analyst;

    public FactsOf()
    {
        Table("shop.customers", "id! name ssn:text card notes region");
        Table("shop.orders", "id! customer_id customer_ssn amount");
        Table("shop.pub", "id! txt n");
        foreach (var builtIn in new[] { "count/0", "count/1", "lower/1", "upper/1", "length/1", "now/0", "coalesce/1", "max/1", "pg_sleep/1", "query_to_xml/4",
            "set_config/3", "pg_read_file/1", "generate_series/2", "abs/1", "row_to_json/1", "nextval/1" })
        {
            var (name, arguments) = (builtIn[..^2], builtIn[^1] - '0');
            functions.Add(new PgFunction(next++, "pg_catalog", name, arguments, false, true, name is "set_config" or "nextval" or "pg_sleep" ? 'v' : 's', false, "internal", null));
        }
    }

    public FactsOf Table(string fullName, string columns, char kind = 'r', Func<PgRelation, PgRelation>? more = null)
    {
        var (schema, name) = (fullName.Split('.')[0], fullName.Split('.')[1]);
        var all = columns.Split(' ').Select((c, i) => new PgColumn(c.TrimEnd('!').Split(':')[0], (short)(i + 1), 25, []) { IsNotNull = c.EndsWith('!') });
        var relation = new PgRelation(next++, schema, name, kind, [.. all], []);
        relations.Add(more?.Invoke(relation) ?? relation);
        analyst = null;
        return this;
    }

    public FactsOf Function(string fullName, int arguments, string language, string? body, Func<PgFunction, PgFunction>? more = null)
    {
        var (schema, name) = (fullName.Split('.')[0], fullName.Split('.')[1]);
        var function = new PgFunction(next++, schema, name, arguments, false, false, 'v', false, language, body);
        functions.Add(more?.Invoke(function) ?? function);
        analyst = null;
        return this;
    }

    public uint Oid(string name) => functions.First(f => f.FullName == name).Oid;

    public FactsOf Operator(string schema, string symbol, string function)
    {
        operators.Add(new PgOperator(schema, symbol, Oid(function)));
        analyst = null;
        return this;
    }

    public FactsOf Type(string schema, string name, params string[] runs)
    {
        types.Add(new PgType(next++, schema, name, [.. runs.Select(Oid)]));
        analyst = null;
        return this;
    }

    public PgCatalog Catalog => new(
        ["pg_catalog", "shop", "public"], relations.ToFrozenDictionary(r => r.FullName),
        functions.GroupBy(f => f.FullName).ToFrozenDictionary(g => g.Key, g => (IReadOnlyList<PgFunction>)[.. g]))
    {
        Operators = operators.GroupBy(o => o.Name).ToFrozenDictionary(g => g.Key, g => (IReadOnlyList<PgOperator>)[.. g]),
        PathSetting = PathSetting,
        Types = types.ToFrozenDictionary(t => $"{t.Schema}.{t.Name}"),
    };

    public StatementFacts this[string sql]
    {
        get
        {
            analyst ??= new PgAnalyst(Catalog, PgGrammar.Native);
            return PgParserLibrary.Parse([.. Encoding.UTF8.GetBytes(sql), 0], tree => analyst.Read(tree.ToArray(), Encoding.UTF8.GetBytes(sql)), out var error, out _) ??
                StatementFacts.NotUnderstood(error!);
        }
    }

    /// <summary>In short: `shop.pub+ shop.orders` for pub written and orders read (`±` for both).</summary>
    public string Relations(string sql) => string.Join(' ', this[sql].Relations.Select(r =>
        r.Name + r.Access switch { RelationAccess.Read => "", RelationAccess.Write => "+", _ => "±" }));

    /// <summary>With the first letter of each place, and `R` for ordering.</summary>
    public string Columns(string sql) => string.Join(' ', this[sql].Columns.GroupBy(c => c.Column).Select(g =>
        $"{g.Key}:{string.Concat(g.Select(c => c.Place == ColumnPlace.Ordering ? 'R' : c.Place.ToString()[0]))}"));
}

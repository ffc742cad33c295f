using System.Collections.Frozen;
using System.Text;
using AccessPlane.Agent.Protocols.PostgreSql;
using AccessPlane.Contracts.Masking;
using AccessPlane.Contracts.Policy;
using AccessPlane.Contracts.Sql;

namespace AccessPlane.Tests.Unit.Masking;

/// <summary>A catalog like that of the corpus, and its masks.</summary>
internal static class Shop
{
    private const uint Text = 25, Int = 23, Date = 1082;

    public static IReadOnlyList<MaskRule> Masks { get; } =
    [
        Rule("pii", MaskWith.Redact, "shop.customers.email", "shop.customers.ssn", "shop.customers.salary", "shop.customers.dob", "shop.customers.profile",
            "shop.customers.tags", "shop.customers.photo", "shop.events.ssn", "shop.person.ssn"),
        Rule("cards", new MaskWith(MaskKind.KeepLast, 4), "shop.customers.card"),
    ];

    public static PgCatalog Catalog { get; } = Make();

    public static MaskRule Rule(string id, MaskWith with, params string[] columns) => new(id, "orders", columns, [], with, null, Inference.Refuse);

    public static StatementFacts Facts(string sql, PgCatalog? catalog = null)
    {
        var tree = TreeOf(sql) ?? throw new InvalidOperationException($"no SQL: {sql}");
        return new PgAnalyst(catalog ?? Catalog, PgGrammar.Native).Read(tree, Encoding.UTF8.GetBytes(sql))!;
    }

    public static ReadOnlyMemory<byte>? TreeOf(string sql)
    {
        var tree = PgParserLibrary.Parse([.. Encoding.UTF8.GetBytes(sql), 0], t => t.ToArray(), out _, out _);
        return tree is null ? null : tree.AsMemory();
    }

    /// <summary>`free`, `clear`, `refused`, or the columns: `-` a clear one, `pii` masked by it, `pii!` wholly.</summary>
    public static string Plan(string sql, IReadOnlyList<MaskRule>? masks = null)
    {
        var plan = MaskPlan.Of(Facts(sql), masks ?? Masks);
        return plan.Refusal is not null ? "refused"
            : plan.Columns is not { } columns ? plan.Free ? "free" : "clear"
            : string.Join(' ', columns.Select(c => c is null ? "-" : c.Of switch
            {
                DefinitionText.Whole => "literals",
                DefinitionText.Trimmed => "trimmed",
                _ => c.Rule,
            }));
    }

    private static PgCatalog Make()
    {
        PgRelation[] relations =
        [
            Table(1, "customers", "id:23 name email ssn* card salary:23 dob:1082 profile:3802 tags:1009 photo:17 notes tier region"),
            Table(2, "orders", "id:23 customer_id:23=shop.customers.id customer_ssn=shop.customers.ssn amount:23"),
            Table(3, "pub", "id:23 txt n:23"),
            Table(4, "events", "id:23 ssn at:1082") with { Kind = 'p' },
            Table(5, "events_2024", "id:23 ssn at:1082") with { Parents = ["shop.events"] },
            Table(6, "person", "id:23 ssn"),
            Table(7, "employee", "id:23 ssn boss") with { Parents = ["shop.person"] },
            Table(8, "v_alias", "id:23 ref") with { Kind = 'v', Definition = "SELECT customers.id, customers.ssn AS ref FROM shop.customers", Reads = ["shop.customers"] },
            Table(9, "v_pub", "id:23 txt") with { Kind = 'v', Definition = "SELECT pub.id, pub.txt FROM shop.pub" },
            Table(10, "mv_customers", "id:23=shop.customers.id ref=shop.customers.ssn") with { Kind = 'm' },
            Table(11, "v_rich", "id:23") with { Kind = 'v', Definition = "SELECT customers.id FROM shop.customers WHERE customers.salary > 100", Reads = ["shop.customers"] },
            Table(12, "copied", "id:23 g=shop.customers.ssn"),
            Table(13, "watched", "id:23") with { Opaque = "it has a trigger" },
            Table(14, "files", "id:23 scan:26"),
            Table(15, "filtered", "id:23 ssn=shop.customers.ssn") with { HasPolicies = true },
            Table(16, "stamped", "id:23 txt") with { Effects = [new PgEffect(PgEvents.Update, "a trigger", 5001)] },
            Table(17, "spied", "id:23 txt") with { Effects = [new PgEffect(PgEvents.Update, "a trigger", 5002)] },
            Table(18, "parent", "id:23") with { Effects = [new PgEffect(PgEvents.Delete, "a foreign key", 0, "shop.pub")] },
            Table(20, "codes", "code label") is var codes ? codes with
            {
                Columns = [codes.Columns[0] with { ReferredBy = ["shop.secrets.code"] }, codes.Columns[1]],
            } : codes,
            Table(21, "secrets", "id:23 code=shop.codes.code salary:23 bonus:23") is var secrets ? secrets with
            {
                Columns = [.. secrets.Columns.Select(c => c.Name is "salary" or "bonus" ? c with { Ties = ["shop.secrets.salary", "shop.secrets.bonus"] } : c)],
            } : secrets,
            Table(19, "pupil", "id:23") with { Effects = [new PgEffect(PgEvents.Delete, "a foreign key", 0, "shop.orders")] },
            Own(105, "pg_user_mappings", "umid srvname umoptions"),
            Own(106, "pg_subscription", "oid subname subconninfo"),
            Own(100, "pg_class", "oid relname relnamespace relkind relpartbound"),
            Own(101, "pg_attrdef", "oid adrelid adnum adbin"),
            Own(102, "pg_namespace", "oid nspname"),
            Own(103, "pg_stats", "tablename attname most_common_vals"),
            Own(104, "pg_constraint", "oid conname conrelid conbin"),
            Own(105, "pg_index", "indexrelid indrelid"),
        ];
        const string builtIn = "count sum max min lower upper concat now generate_series substr length md5 coalesce array_agg to_jsonb json_agg row_to_json unnest " +
            "pg_get_expr pg_get_constraintdef pg_get_indexdef btrim format_type string_agg jsonb_each_text rank repeat left query_to_xml:s pg_read_file:v pg_sleep:v set_config:v " +
            "pg_notify:v nextval:v lo_get:v lo_from_bytea:v lo_export:v format jsonb_path_query to_char";
        var next = 1000u;
        var functions = builtIn.Split(' ').Select(f => f.Split(':')).Select(f => new PgFunction(next++, "pg_catalog", f[0], 1, false, true, f.Length > 1 ? f[1][0] : 'i', false, "internal", null))
            .Append(new PgFunction(next++, "shop", "f_get", 1, false, false, 's', false, "sql", "SELECT ssn FROM shop.customers WHERE id=i"))
            .Append(Trigger(5001, "stamp", "begin new.txt := upper(new.txt); return new; end"))
            .Append(Trigger(5002, "spy", "begin perform helper(new.txt); insert into shop.pub select 1, ssn, 1 from shop.customers; return new; end"))
            .Append(new PgFunction(next++, "shop", "length", 1, false, false, 's', false, "sql", "SELECT 1"));
        return new PgCatalog(["pg_catalog", "shop", "public"], relations.ToFrozenDictionary(r => r.FullName), functions.GroupBy(f => $"{f.Schema}.{f.Name}").ToFrozenDictionary(g => g.Key, g => (IReadOnlyList<PgFunction>)[.. g]));
    }

    private static PgRelation Table(uint oid, string name, string columns) => new(oid, "shop", name, 'r', Columns(name, columns), []);

    private static PgFunction Trigger(uint oid, string name, string body) => new(oid, "shop", name, 0, false, false, 'v', false, "plpgsql", body)
    {
        Definition = $"create function shop.{name}() returns trigger language plpgsql as $body${body}$body$",
    };

    private static PgRelation Own(uint oid, string name, string columns) => new(oid, "pg_catalog", name, 'r', Columns(name, columns), []);

    /// <summary>`*` for a key of its own.</summary>
    private static PgColumn[] Columns(string relation, string columns) => [.. columns.Split(' ').Select((c, i) =>
    {
        var (left, source) = c.Split('=') is [var l, var s] ? (l, s) : (c, null);
        var parts = left.Split(':');
        var name = parts[0].TrimEnd('*');
        return new PgColumn(name, (short)(i + 1), parts.Length > 1 ? uint.Parse(parts[1], System.Globalization.CultureInfo.InvariantCulture) : Text, source is null ? [] : [source])
        {
            Ties = name == parts[0] ? [] : [$"shop.{relation}.{name}"],
        };
    })];
}

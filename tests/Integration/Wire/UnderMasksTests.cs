using Npgsql;
using Xunit;

namespace AccessPlane.Tests.Integration.Wire;

/// <summary>Programs that go on working while columns are masked: they are told what they are told directly.</summary>
public sealed class UnderMasksTests
{
    private static readonly string Scripts = Path.Combine(AppContext.BaseDirectory, "corpus", "postgresql", "scripts");

    public static TheoryData<string> ScriptNames => StockClientTests.ScriptNames;

    [Theory]
    [MemberData(nameof(ScriptNames))]
    public async Task A_script_that_touches_no_masked_relation_gives_the_same_output_as_directly(string script)
    {
        await using var shop = await MaskedShop.Open();
        string[] arguments = ["-X", "-a", "-f", Path.Combine(Scripts, script)];
        var direct = await Programs.Run("psql", Programs.Directly(shop.Agent), arguments);
        var through = await Programs.Run("psql", Programs.Through(shop.Agent), arguments);
        Same(direct, through);
    }

    /// <summary>What definitions say is hidden where it could be somebody's data: literals alone.</summary>
    [Fact]
    public async Task Every_backslash_command_of_psql_prints_what_it_prints_directly()
    {
        await using var shop = await MaskedShop.Open();
        await shop.Agent.Directly(
            "create table shop.plain (id int generated always as identity primary key, n int default 7, t text collate \"C\") partition by range (id)",
            "create table shop.plain_1 partition of shop.plain for values from (1) to (9)",
            "create function shop.stamp() returns trigger language plpgsql as 'begin return new; end'",
            "create trigger stamp before update on shop.pub for each row execute function shop.stamp()",
            "create statistics shop.st on id, n from shop.pub", "comment on table shop.pub is 'a table'", "grant select on shop.pub to public",
            "create aggregate shop.total (int) (sfunc = int4pl, stype = int)", "create publication news for table shop.pub");
        var names = new[] { "customers", "orders", "pub", "plain", "plain_1", "events", "person", "employee", "v_customers", "mv_customers", "seq1", "customers_pkey", "cust_t", "stamp" };
        string[] all =
        [
            "\\d", "\\d+", "\\dS", "\\dt", "\\dt+", "\\di", "\\di+", "\\dv", "\\dv+", "\\dm", "\\dm+", "\\ds", "\\ds+", "\\df", "\\df shop.*", "\\da shop.*", "\\dn", "\\dn+",
            "\\dp", "\\dp customers", "\\z", "\\dT", "\\dT+", "\\dD", "\\dD+", "\\do", "\\dO", "\\dC", "\\dc", "\\db", "\\dA", "\\dL", "\\dx", "\\dx+ hstore", "\\ddp", "\\dd",
            "\\dE", "\\des", "\\det", "\\dew", "\\deu", "\\dF", "\\dFd", "\\dFp", "\\dFt", "\\dP", "\\dP+", "\\dRp", "\\dRp+", "\\dRs", "\\dy", "\\dAc", "\\dAf", "\\dconfig work_mem", "\\sf shop.stamp",
            "\\sf shop.f_get", "\\sv shop.v_alias", "\\encoding", "\\echo :SERVER_VERSION_NUM", "\\lo_list", .. names.SelectMany(n => new[] { $"\\d {n}", $"\\d+ {n}" }),
        ];
        string[] arguments = ["-X", .. all.SelectMany(c => new[] { "-c", $"\\echo {c}", "-c", c })];
        var direct = await Programs.Run("psql", Programs.Directly(shop.Agent), arguments);
        var through = await Programs.Run("psql", Programs.Through(shop.Agent), arguments);
        Assert.Contains("customers_ssn_key", through.Out, StringComparison.Ordinal);
        var blanked = new[] { "gold", "silver", "2024-01-01", "2025-01-01" }
            .Aggregate(direct.Out, (text, literal) => text.Replace($"'{literal}'", $"'{new string('*', literal.Length)}'", StringComparison.Ordinal));
        Same(direct with { Out = blanked }, through);

        // what is made of definitions, or is code, is hidden as a whole
        foreach (var (command, shows) in new[] { ("\\dX", "st"), ("\\df+ shop.stamp", "plpgsql"), ("\\conninfo", shop.Agent.Database),
            // what the whole server has changes while other tests run
            ("\\du", shop.Agent.Database), ("\\du+", shop.Agent.Database), ("\\dg", shop.Agent.Database), ("\\l", shop.Agent.Database), ("\\db+", "pg_default"),
            ("\\drds", "search_path") })
        {
            var said = await Programs.Run("psql", Programs.Through(shop.Agent), "-X", "-c", command);
            Assert.True(said is { Status: 0, Error.Length: 0 } && said.Out.Contains(shows, StringComparison.Ordinal), $"{command}: {said}");
        }
    }

    /// <summary>Types are loaded when a connection is opened; schemas and the columns of a result are asked for afterwards.</summary>
    [Fact]
    public async Task Npgsql_is_told_all_metadata()
    {
        await using var shop = await MaskedShop.Open();
        await shop.Agent.Directly("create type shop.mood as enum ('sad', 'ok')", "create table shop.felt (id int generated always as identity primary key, how shop.mood, who shop.cust_t, n numeric(8, 2) default 1)");
        var direct = new NpgsqlConnectionStringBuilder(shop.Agent.DirectString) { Username = shop.Agent.Direct.User, Password = shop.Agent.Direct.Password };
        var (expected, actual) = (await Told(direct.ConnectionString), await Told(shop.Agent.NpgsqlString(10)));
        Assert.Contains("shop.mood", expected, StringComparison.Ordinal);
        Assert.Equal("", Differences(expected, actual));
    }

    private static async Task<string> Told(string connectionString)
    {
        await using var connection = new NpgsqlConnection(connectionString);
        await connection.OpenAsync();
        var told = new System.Text.StringBuilder();
        foreach (var collection in new[] { "Schemata", "Tables", "Columns", "Views", "MaterializedViews", "Indexes", "IndexColumns", "Constraints", "PrimaryKey",
            "UniqueKeys", "ForeignKeys", "ConstraintColumns", "DataTypes", "ReservedWords", "Restrictions" })
        {
            using var table = await connection.GetSchemaAsync(collection);
            var rows = table.Rows.Cast<System.Data.DataRow>().Select(r => string.Join('|', r.ItemArray)).Where(r => !r.Contains("pg_catalog", StringComparison.Ordinal)).Order(StringComparer.Ordinal);
            told.Append('\n').Append(collection).Append('\n').AppendJoin('\n', rows);
        }
        foreach (var sql in new[] { "select * from customers where id = 1", "select c.id, upper(c.name) as u, o.amount from customers c join orders o on o.customer_id = c.id", "select * from felt" })
        {
            await using var command = new NpgsqlCommand(sql, connection);
            await using var reader = await command.ExecuteReaderAsync(System.Data.CommandBehavior.KeyInfo);
            told.Append('\n').AppendJoin('\n', (await reader.GetColumnSchemaAsync()).Select(c =>
                $"{c.ColumnName} {c.BaseSchemaName}.{c.BaseTableName}.{c.BaseColumnName} {c.DataTypeName} {c.AllowDBNull} {c.IsKey} {c.IsUnique} {c.IsAutoIncrement} {c.ColumnOrdinal} {c.NumericPrecision}"));
        }
        return told.ToString();
    }

    [Fact]
    public async Task Jdbc_is_told_all_metadata()
    {
        await using var shop = await MaskedShop.Open();
        var (user, password) = shop.Agent.Ticket();
        BothTold(await Java(shop.Agent.Direct), await Java(("127.0.0.1", shop.Agent.Port, user, password)));

        async Task<Programs.Output> Java((string Host, int Port, string User, string Password) at) => await Programs.Run(
            "java", new Dictionary<string, string>(), "-cp", "/usr/share/java/postgresql.jar", Client("Metadata.java"),
            $"jdbc:postgresql://{at.Host}:{at.Port}/{shop.Agent.Database}?sslmode=disable&gssEncMode=disable", at.User, at.Password);
    }

    [Fact]
    public async Task Psycopg_and_what_is_built_on_it_are_told_all_metadata()
    {
        await using var shop = await MaskedShop.Open();
        string[] arguments = [Client("metadata.py"), ""];
        BothTold(await Programs.Run("/usr/bin/python3", Programs.Directly(shop.Agent), arguments), await Programs.Run("/usr/bin/python3", Programs.Through(shop.Agent), arguments));
    }

    internal static string Client(string file) => Path.Combine(Servers.Need("ACCESSPLANE_TEST_ROOT"), "tests/Integration/Wire/clients", file);

    /// <summary>A program that fails on both sides says the same, too.</summary>
    private static void BothTold(Programs.Output direct, Programs.Output through)
    {
        Assert.True(direct.Status == 0, direct.Error);
        Same(direct, through);
    }

    private static void Same(Programs.Output direct, Programs.Output through)
    {
        var differences = Differences(direct.Error, through.Error) + Differences(direct.Out, through.Out);
        Assert.True(differences.Length == 0, differences);
        Assert.Equal(direct.Status, through.Status);
    }

    /// <summary>Lines that are on one side alone; empty where both are the same.</summary>
    private static string Differences(string direct, string through)
    {
        var (expected, actual) = (StockClientTests.Plain(direct), StockClientTests.Plain(through));
        if (expected == actual)
        {
            return "";
        }
        var (one, other) = (expected.Split('\n'), actual.Split('\n'));
        return string.Join('\n', [.. one.Except(other).Select(l => $"- {l}"), .. other.Except(one).Select(l => $"+ {l}"), "the order of lines differs, or their number"]);
    }
}

using AccessPlane.Tests.Integration.Wire;
using Npgsql;
using Xunit;

namespace AccessPlane.Tests.Integration.Masking;

/// <summary>What drivers ask of the catalogs, in sessions whose columns PostgreSQL itself hides: everything is answered, and nothing shows a value.</summary>
public sealed class HiddenClientsTests
{
    private static readonly string[] Secrets = ["900-11-2233", "901-22-3344", "zoe.sentinel", "4929000011112222", "MFASECRET", "TAGSECRET"];

    [Theory]
    [InlineData(PgServer.Installed)]
    [InlineData(PgServer.Newer)]
    public async Task Jdbc_is_answered(PgServer on)
    {
        await using var shop = await HiddenShop.Open(on);
        var (user, password) = shop.Agent.Ticket();
        var told = await Programs.Run(
            "java", new Dictionary<string, string>(), "-cp", "/usr/share/java/postgresql.jar", Client("Metadata.java"),
            $"jdbc:postgresql://127.0.0.1:{shop.Agent.Port}/{shop.Agent.Database}?sslmode=disable&gssEncMode=disable", user, password, "views");
        Answered(told, "TABLE_NAME=customers", "COLUMN_NAME=ssn", "in pages 302");
    }

    [Theory]
    [InlineData(PgServer.Installed)]
    [InlineData(PgServer.Newer)]
    public async Task Psycopg_and_what_is_built_on_it_are_answered(PgServer on)
    {
        await using var shop = await HiddenShop.Open(on);
        var told = await Programs.Run("/usr/bin/python3", Programs.Through(shop.Agent), Client("metadata.py"), "", "views");
        Answered(told, "customers_pkey", "by cursor 301", "copied");
    }

    [Theory]
    [InlineData(PgServer.Installed)]
    [InlineData(PgServer.Newer)]
    public async Task Npgsql_is_answered(PgServer on)
    {
        await using var shop = await HiddenShop.Open(on);
        await using var connection = new NpgsqlConnection(shop.Agent.NpgsqlString(5));
        await connection.OpenAsync(TestContext.Current.CancellationToken);
        foreach (var collection in new[] { "Databases", "Schemata", "Tables", "Columns", "Views", "Indexes", "Constraints", "PrimaryKey", "ForeignKeys", "DataTypes" })
        {
            using var table = await connection.GetSchemaAsync(collection, TestContext.Current.CancellationToken);
            Assert.NotEmpty(table.Columns);
        }
        await using var command = new NpgsqlCommand("select * from shop.customers where id = $1", connection) { Parameters = { new() { Value = 1 } } };
        await using var reader = await command.ExecuteReaderAsync(System.Data.CommandBehavior.KeyInfo, TestContext.Current.CancellationToken);
        var columns = await reader.GetColumnSchemaAsync(TestContext.Current.CancellationToken);
        Assert.Equal(
            "id integer, name text, email text, ssn text, card text, salary integer, dob date, profile jsonb, tags text[], photo bytea, notes text, tier text, region text",
            string.Join(", ", columns.Select(c => $"{c.ColumnName} {c.DataTypeName}")));
        Assert.True(await reader.ReadAsync(TestContext.Current.CancellationToken)); // in binary
        Assert.Equal(("Zoe", "[redacted]", true), (reader.GetString(1), reader.GetString(3), await reader.IsDBNullAsync(5, TestContext.Current.CancellationToken)));
    }

    private static void Answered(Programs.Output told, params string[] shown)
    {
        Assert.True(told is { Status: 0, Error.Length: 0 }, told.ToString());
        foreach (var one in shown)
        {
            Assert.Contains(one, told.Out, StringComparison.Ordinal);
        }
        Assert.DoesNotContain(Secrets, s => told.Out.Contains(s, StringComparison.Ordinal));
    }

    private static string Client(string name) => Path.Combine(Servers.Need("ACCESSPLANE_TEST_ROOT"), "tests/Integration/Wire/clients", name);
}

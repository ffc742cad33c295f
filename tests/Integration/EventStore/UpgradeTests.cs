using AccessPlane.ControlPlane.EventStore;
using Npgsql;
using Xunit;

namespace AccessPlane.Tests.Integration.EventStore;

/// <summary>A log that the first version made, as tests/corpus/first-log.sql keeps it: with that version's tables and functions, and events in its words.</summary>
public sealed class UpgradeTests : IAsyncLifetime
{
    private const string Request = "019aa501-0000-7000-8000-1f58b9145b24";
    private string database = "";

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        database = await Servers.CreateDatabase();
        await using var log = NpgsqlDataSource.Create(database);
        await using var made = log.CreateCommand(await File.ReadAllTextAsync(Path.Combine(AppContext.BaseDirectory, "corpus", "first-log.sql"), Cancel));
        await made.ExecuteNonQueryAsync(Cancel);
    }

    public async ValueTask DisposeAsync() => await Servers.DropDatabase(database);

    /// <summary>Tables, constraints, indexes, functions and triggers, each as the catalogue has it.</summary>
    private const string Catalogue =
        """
        SELECT format('column %s.%s %s %s %s', attrelid::regclass, attname, format_type(atttypid, atttypmod), attnotnull, pg_get_expr(adbin, adrelid))
        FROM pg_attribute JOIN pg_class c ON c.oid = attrelid LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
        WHERE relnamespace = 'accessplane'::regnamespace AND relkind IN ('r', 'S') AND attnum > 0 AND NOT attisdropped
        UNION ALL SELECT format('constraint %s.%s %s', conrelid::regclass, conname, pg_get_constraintdef(oid)) FROM pg_constraint WHERE connamespace = 'accessplane'::regnamespace
        UNION ALL SELECT format('index %s', indexdef) FROM pg_indexes WHERE schemaname = 'accessplane'
        UNION ALL SELECT format('function %s', pg_get_functiondef(oid)) FROM pg_proc WHERE pronamespace = 'accessplane'::regnamespace
        UNION ALL SELECT format('trigger %s', pg_get_triggerdef(t.oid)) FROM pg_trigger t JOIN pg_class c ON c.oid = tgrelid WHERE relnamespace = 'accessplane'::regnamespace AND NOT tgisinternal
        UNION ALL SELECT format('sequence %s %s %s', sequencename, data_type, cache_size) FROM pg_sequences WHERE schemaname = 'accessplane'
        """;

    private static async Task<List<string>> All(string connection, string sql)
    {
        await using var log = NpgsqlDataSource.Create(connection);
        await using var command = log.CreateCommand(sql);
        await using var reader = await command.ExecuteReaderAsync(Cancel);
        var all = new List<string>();
        while (await reader.ReadAsync(Cancel))
        {
            all.Add(reader.GetString(0));
        }
        return all;
    }

    [Fact]
    public async Task It_becomes_what_a_new_one_is()
    {
        await using var fresh = new TestDatabase();
        await fresh.InitializeAsync();
        await using (var log = NpgsqlDataSource.Create(database))
        {
            await new Schema(log).Create(Cancel);
            await new Schema(log).Create(Cancel); // and what is as it should be stays so
        }
        var there = await All(fresh.ConnectionString, Catalogue);
        Assert.True(there.Count > 50, $"only {there.Count} things are in a new one");
        Assert.Equal(there.Order(StringComparer.Ordinal), (await All(database, Catalogue)).Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task A_control_plane_that_starts_on_it_knows_all_that_is_in_it_and_goes_on_from_there()
    {
        var before = await All(database, "SELECT type FROM accessplane.mt_events ORDER BY seq_id");
        Assert.Equal(17, before.Count);
        await using var host = await ControlPlaneHost.Start(settings: [$"--ConnectionStrings:Log={database}"]);

        var events = (await host.Get("/v1/audit/events?limit=1000")).GetProperty("items").EnumerateArray().Select(e => e.GetProperty("type").GetString()!).ToList();
        Assert.Equal(before, events.Take(before.Count));
        var policy = await host.Get("/v1/policies/current");
        Assert.Equal(1, policy.GetProperty("version").GetInt64());
        Assert.Contains("orders-write", policy.GetProperty("text").GetString(), StringComparison.Ordinal);
        var asked = await host.Get($"/v1/requests/{Request}");
        Assert.Equal(("Approved", "order 4711 is wrong"), (asked.GetProperty("state").GetString(), asked.GetProperty("reason").GetString()));
        Assert.Equal("go ahead", asked.GetProperty("steps")[0].GetProperty("reviews")[0].GetProperty("comment").GetString());
        Assert.Equal("Surrendered", (await host.Get($"/v1/grants/{asked.GetProperty("grantId").GetString()}")).GetProperty("state").GetString());
        var operation = (await host.Get("/v1/audit/operations?text=4711")).GetProperty("items").EnumerateArray().Single();
        Assert.Equal(("update shop.orders set total = 1 where id = 4711", "completed", 1), (operation.GetProperty("text").GetString(), operation.GetProperty("outcome").GetString(), operation.GetProperty("rows").GetInt32()));
        var session = (await host.Get("/v1/sessions")).GetProperty("items").EnumerateArray().Single();
        Assert.Equal(("Closed", operation.GetProperty("session").GetString()), (session.GetProperty("state").GetString(), session.GetProperty("id").GetString()));
        Assert.Equal("Enrolled", (await host.Get("/v1/agents/orders-agent")).GetProperty("state").GetString());
        Assert.Empty((await host.Get("/v1/locks")).GetProperty("items").EnumerateArray());

        // by the policy of then, and behind what was there
        var more = await host.Send(HttpMethod.Post, "/v1/requests", "engineer", "engineering", new { entitlement = "orders-read", duration = "PT10M" });
        Assert.Equal((201, "Approved"), (more.Status, more.State));
        var held = (await host.Get("/v1/grants")).GetProperty("items").EnumerateArray().Select(g => (g.GetProperty("entitlement").GetString(), g.GetProperty("state").GetString()));
        Assert.Equal([("orders-read", "Approved"), ("orders-read", "Approved"), ("orders-write", "Surrendered")], held);
        await host.Publish(SharedControlPlane.Policy);
        Assert.Equal(2, (await host.Get("/v1/policies/current")).GetProperty("version").GetInt64());
        Assert.Equal(before, (await All(database, "SELECT type FROM accessplane.mt_events ORDER BY seq_id")).Take(before.Count));
    }
}

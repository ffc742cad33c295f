using System.Text.Json;
using AccessPlane.ControlPlane.Console;
using AccessPlane.Tests.EndToEnd.World;
using Npgsql;
using NpgsqlTypes;

namespace AccessPlane.Tests.EndToEnd;

/// <summary>Stock clients, as they come from their makers, work through the agent as they do directly.</summary>
public sealed class ClientTests(TestWorld world)
{
    private static readonly string[] PgbenchScale = ["-i", "-s", "1", "-q"];

    public static TheoryData<string> Scripts =>
        new(Directory.GetFiles($"{TestWorld.Root}/tests/corpus/postgresql/scripts", "*.sql").Select(f => Path.GetFileName(f)!).Order());

    [Theory]
    [MemberData(nameof(Scripts))]
    public async Task A_psql_script_prints_the_same_bytes_through_the_agent_and_directly(string script)
    {
        var file = $"{TestWorld.Root}/tests/corpus/postgresql/scripts/{script}";
        var directly = await Psql(TestWorld.DirectUrl("scratch"), file);
        var through = await Psql((await world.Everything()).Url("psql"), file);

        Assert.NotEmpty(directly.Output);
        Assert.Equal(WithoutProcessIds(directly.Output), WithoutProcessIds(through.Output));
        Assert.Equal(directly.Status, through.Status);
    }

    [Theory]
    [InlineData("simple")]
    [InlineData("extended")]
    [InlineData("prepared")]
    public async Task Pgbench_runs_its_transactions_in_every_query_mode(string mode)
    {
        (await Run.ToEnd("pgbench", [.. PgbenchScale, TestWorld.DirectUrl("scratch")])).Succeeded();
        var ticket = await world.Everything(connections: 5);

        var ran = (await Run.ToEnd("pgbench", ["-M", mode, "-c", "4", "-j", "2", "-t", "50", "-n", ticket.Url("pgbench")])).Succeeded();

        Assert.Contains("number of transactions actually processed: 200/200", ran.Output, StringComparison.Ordinal);
        Assert.Equal(200, await TestWorld.Ask<long>("SELECT count(*) FROM pgbench_history", TestWorld.Direct("scratch")));
    }

    [Fact]
    public async Task Node_postgres_works()
    {
        var ticket = await world.Everything();
        var ran = (await Run.ToEnd("node", [$"{TestWorld.Root}/tests/EndToEnd/clients/node/client.mjs", ticket.Url("node")])).Succeeded();
        Assert.Contains("node-postgres: ok", ran.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Psycopg2_works_with_cancel_and_copy_and_notifications()
    {
        var ticket = await world.Everything();
        var ran = (await Run.ToEnd("/usr/bin/python3", [$"{TestWorld.Root}/tests/EndToEnd/clients/python/client.py", ticket.Url("psycopg2")])).Succeeded();
        Assert.Contains("psycopg2: ok", ran.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Jdbc_works_with_portals_and_batches()
    {
        await TestWorld.Ask<long>("CREATE TABLE IF NOT EXISTS seen_by_jdbc (n int); SELECT 1::bigint", TestWorld.Direct("scratch"));
        var ticket = await world.Everything();
        var ran = (await Run.ToEnd("java",
        [
            "-cp", "/usr/share/java/postgresql.jar", $"{TestWorld.Root}/tests/EndToEnd/clients/java/Client.java",
            $"jdbc:postgresql://127.0.0.1:{ticket.Port}/{ticket.Database}?sslmode=disable&gssEncMode=disable", ticket.User, ticket.Password,
        ])).Succeeded();
        Assert.Contains("JDBC: ok", ran.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Npgsql_pipelines_a_batch_and_copies_in_binary()
    {
        var ticket = await world.Everything();
        await using var database = new NpgsqlConnection(ticket.Npgsql("npgsql"));
        await database.OpenAsync(TestContext.Current.CancellationToken);

        await using var batch = new NpgsqlBatch(database);
        for (var i = 0; i < 100; i++)
        {
            batch.BatchCommands.Add(new NpgsqlBatchCommand("SELECT $1 * 2") { Parameters = { new NpgsqlParameter { Value = i } } });
        }
        await using (var reader = await batch.ExecuteReaderAsync(TestContext.Current.CancellationToken))
        {
            for (var i = 0; i < 100; i++)
            {
                Assert.True(await reader.ReadAsync(TestContext.Current.CancellationToken));
                Assert.Equal(i * 2, reader.GetInt32(0));
                await reader.NextResultAsync(TestContext.Current.CancellationToken);
            }
        }

        await Execute(database, "CREATE TEMP TABLE copied (n int, t timestamptz, b bytea)");
        await using (var import = await database.BeginBinaryImportAsync("COPY copied FROM STDIN (FORMAT binary)", TestContext.Current.CancellationToken))
        {
            for (var i = 0; i < 5000; i++)
            {
                await import.StartRowAsync(TestContext.Current.CancellationToken);
                await import.WriteAsync(i, NpgsqlDbType.Integer, TestContext.Current.CancellationToken);
                await import.WriteAsync(DateTime.UnixEpoch.AddSeconds(i), NpgsqlDbType.TimestampTz, TestContext.Current.CancellationToken);
                await import.WriteAsync(new byte[i % 300], NpgsqlDbType.Bytea, TestContext.Current.CancellationToken);
            }
            await import.CompleteAsync(TestContext.Current.CancellationToken);
        }
        await using var sum = new NpgsqlCommand("SELECT count(*), sum(n), sum(length(b)) FROM copied", database);
        await using var row = await sum.ExecuteReaderAsync(TestContext.Current.CancellationToken);
        Assert.True(await row.ReadAsync(TestContext.Current.CancellationToken));
        Assert.Equal((5000L, 12497500L, Enumerable.Range(0, 5000).Sum(i => (long)(i % 300))), (row.GetInt64(0), row.GetInt64(1), row.GetInt64(2)));
    }

    [Fact]
    public async Task Npgsql_prepares_and_survives_an_error_in_a_transaction()
    {
        var ticket = await world.Everything();
        await using var database = new NpgsqlConnection(ticket.Npgsql("npgsql"));
        await database.OpenAsync(TestContext.Current.CancellationToken);
        await using var prepared = new NpgsqlCommand("SELECT 10 / $1", database) { Parameters = { new NpgsqlParameter { NpgsqlDbType = NpgsqlDbType.Integer } } };
        await prepared.PrepareAsync(TestContext.Current.CancellationToken);
        await using (var transaction = await database.BeginTransactionAsync(TestContext.Current.CancellationToken))
        {
            prepared.Parameters[0].Value = 0;
            var failed = await Assert.ThrowsAsync<PostgresException>(() => prepared.ExecuteScalarAsync(TestContext.Current.CancellationToken));
            Assert.Equal(PostgresErrorCodes.DivisionByZero, failed.SqlState);
            await transaction.RollbackAsync(TestContext.Current.CancellationToken);
        }
        prepared.Parameters[0].Value = 5;
        Assert.Equal(2, await prepared.ExecuteScalarAsync(TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task Psql_works_as_it_is_pasted()
    {
        var form = (await HandedOut())["psql"];
        var ran = (await Run.ToEnd("bash", ["-c", $"{form} -X -A -t -c 'SELECT 40 + 2'"])).Succeeded();
        Assert.Equal("42\n", ran.Output);
    }

    [Fact]
    public async Task Pgbench_works_by_the_address_that_is_handed_out()
    {
        // one more than it says: it looks around first
        var url = (await HandedOut(connections: 3))["URL"];
        var ran = (await Run.ToEnd("bash", ["-c", "exec pgbench -n -c 2 -t 50 -f <(echo 'SELECT 40 + 2;') \"$1\"", "pgbench", url])).Succeeded();
        Assert.Contains("number of transactions actually processed: 100/100", ran.Output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Psycopg2_works_by_the_address_that_is_handed_out(bool verified)
    {
        var url = (await HandedOut())["URL"];
        var ran = (await Run.ToEnd("/usr/bin/python3", [$"{TestWorld.Root}/tests/EndToEnd/clients/python/client.py", verified ? Verified(url) : url])).Succeeded();
        Assert.Contains("psycopg2: ok", ran.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Node_postgres_works_by_the_address_that_is_handed_out()
    {
        // it verifies whatever the address says of that
        var trusting = new Dictionary<string, string> { ["NODE_EXTRA_CA_CERTS"] = world.Ca };
        var ran = (await Run.ToEnd("node", [$"{TestWorld.Root}/tests/EndToEnd/clients/node/client.mjs", (await HandedOut())["URL"]], trusting)).Succeeded();
        Assert.Contains("node-postgres: ok", ran.Output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Jdbc_works_by_the_address_that_is_handed_out(bool verified)
    {
        await TestWorld.Ask<long>("CREATE TABLE IF NOT EXISTS seen_by_jdbc (n int); SELECT 1::bigint", TestWorld.Direct("scratch"));
        var url = (await HandedOut())["JDBC"];
        var ran = (await Run.ToEnd("java",
            ["-cp", "/usr/share/java/postgresql.jar", $"{TestWorld.Root}/tests/EndToEnd/clients/java/Client.java", verified ? Verified(url) : url])).Succeeded();
        Assert.Contains("JDBC: ok", ran.Output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Npgsql_works_by_the_settings_that_are_handed_out(bool verified)
    {
        var settings = (await HandedOut())[".NET"];
        Assert.Contains("SSL Mode=Require", settings, StringComparison.Ordinal);
        await using var database = new NpgsqlConnection(
            verified ? $"{settings.Replace("SSL Mode=Require", "SSL Mode=VerifyFull", StringComparison.Ordinal)};Root Certificate={world.Ca}" : settings);
        await database.OpenAsync(TestContext.Current.CancellationToken);
        await using (var command = new NpgsqlCommand("SELECT 40 + 2", database))
        {
            Assert.Equal(42, await command.ExecuteScalarAsync(TestContext.Current.CancellationToken));
        }
        // by these settings it would be kept for the next one
        NpgsqlConnection.ClearPool(database);
    }

    /// <summary>A ticket in the forms that people are given: encrypted, and bound to its channel where a client can do that.</summary>
    private async Task<Dictionary<string, string>> HandedOut(int connections = 1)
    {
        var grant = await world.Grant("engineer", "everything");
        await world.TicketFor("engineer", grant, database: "scratch"); // its agent is there
        var answer = (await world.Api.Post("engineer", $"/v1/grants/{grant}/tickets", new { connections, database = "scratch" })).Is(201);
        var ticket = answer.Body.Deserialize<TicketShape>(JsonSerializerOptions.Web)!;
        Assert.EndsWith("/scratch?sslmode=require&channel_binding=require", ticket.Url, StringComparison.Ordinal);
        return ConnectForms.Of(ticket).ToDictionary(f => f.Client, f => f.Text);
    }

    /// <summary>As who has the authority's certificate makes more of an address.</summary>
    private string Verified(string url)
    {
        Assert.Contains("sslmode=require", url, StringComparison.Ordinal);
        return $"{url.Replace("sslmode=require", "sslmode=verify-full", StringComparison.Ordinal)}&sslrootcert={Uri.EscapeDataString(world.Ca)}";
    }

    private static Task<Ran> Psql(string url, string script) =>
        Run.ToEnd("bash", ["-c", "exec psql -X -a -f \"$1\" \"$2\" 2>&1", "psql", script, url], new Dictionary<string, string> { ["PGTZ"] = "UTC" });

    /// <summary>A notification names the process that sent it: that number alone may differ.</summary>
    private static string WithoutProcessIds(string output) =>
        System.Text.RegularExpressions.Regex.Replace(output, "(server process with PID )[0-9]+", "$1N");

    private static async Task Execute(NpgsqlConnection database, string sql)
    {
        await using var command = new NpgsqlCommand(sql, database);
        await command.ExecuteNonQueryAsync(TestContext.Current.CancellationToken);
    }
}

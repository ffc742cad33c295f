using System.Text;
using AccessPlane.Contracts.Policy;
using Xunit;

namespace AccessPlane.Tests.Integration.Wire;

/// <summary>The masking corpus through an agent, on a real server, with the most dangerous login; and what must still work then.</summary>
[Collection(nameof(GuardShop))] // both need roles of the same names
public sealed class RedactionTests
{
    /// <summary>How the same cases are said (<see cref="SaidOtherwise"/>) and sent (<see cref="MaskingCase.Play"/>).</summary>
    private static readonly (string Said, string? Mode, bool BitByBit)[] Ways =
    [
        ("letters, comments", "pipelined", false),
        ("wide", "binary", true),
        ("wide, letters", "simple", true),
    ];

    /// <summary>Each case as it is and in one other way; which, goes round.</summary>
    private static IEnumerable<(string Said, string? Mode, bool BitByBit)> WaysOf(int number) => [("as it is", null, false), Ways[number % Ways.Length]];

    [Fact]
    public async Task No_case_of_the_corpus_shows_a_secret()
    {
        await using var shop = await MaskedShop.Open();
        var leaks = new List<string>();
        foreach (var (number, given) in MaskingCase.All.Where(c => c.OraclePair is null).Index())
        {
            foreach (var (way, mode, slowly) in WaysOf(number))
            {
                var one = given.Said(s => SaidOtherwise.Of(s, way), mode);
                if (one.Setup is not null)
                {
                    await shop.Agent.Directly(one.Setup);
                }
                if (one.Session2 is { } others)
                {
                    await shop.Agent.Directly(others);
                    Assert.Equal(true, await shop.Agent.Ask(one.WhetherThereIsASecret)); // or the case shows nothing
                }
                var got = await Answers(shop, one, slowly);
                Assert.NotEmpty(got);
                leaks.AddRange(one.Leaks(got).Select(s => $"{way}, {mode}: {one.Id} shows {s}: {RawClient.Story(got)}"));
                if (one.Setup is not null || got.Exists(m => m.Type == 'C' && !RawClient.Text(m.Body).StartsWith("SELECT", StringComparison.Ordinal)))
                {
                    await shop.Reset();
                }
            }
        }
        Assert.True(leaks.Count == 0, string.Join('\n', leaks));
    }

    /// <summary>A connection that is refused has its error for an answer.</summary>
    private static async Task<List<(char Type, byte[] Body)>> Answers(MaskedShop shop, MaskingCase one, bool slowly)
    {
        try
        {
            using var client = await shop.Agent.Connect(one.Startup);
            client.SendsByteByByte = slowly;
            return one.Wire is not null ? await one.PlayWire(client) : await one.Play(client, one.Sql!);
        }
        catch (WireError refused) when (one.Startup.Length > 0)
        {
            return [('E', Encoding.UTF8.GetBytes(refused.Message))];
        }
    }

    [Fact]
    public async Task Both_halves_of_an_oracle_say_the_same()
    {
        await using var shop = await MaskedShop.Open();
        var told = new List<string>();
        foreach (var (number, one) in MaskingCase.All.Where(c => c.OraclePair is not null).Index())
        {
            string Story(List<(char Type, byte[] Body)> got) => string.Join(' ', got.Select(m => m.Type == 'E'
                ? $"E{RawClient.Field(m.Body, 'C')}" : $"{m.Type}{Convert.ToHexString(m.Body)}"));
            foreach (var (way, mode, slowly) in WaysOf(number))
            {
                var stories = new List<string>();
                foreach (var half in one.OraclePair!)
                {
                    using var client = await shop.Agent.Connect();
                    client.SendsByteByByte = slowly;
                    stories.Add(Story(await one.Said(s => s, mode).Play(client, [SaidOtherwise.Of(half, way)])));
                }
                if (stories[0] != stories[1])
                {
                    told.Add($"{way}, {mode}: {one.Id}: {stories[0]} is not {stories[1]}");
                }
            }
        }
        Assert.True(told.Count == 0, string.Join('\n', told));
    }

    [Theory]
    [InlineData("SELECT ssn FROM customers WHERE id=1", "[redacted]")]
    [InlineData("SELECT * FROM customers WHERE id=1", "1|Zoe|[redacted]|[redacted]|[redacted]|null|null|\"[redacted]\"|null|null|hello|gold|eu")]
    [InlineData("SELECT c.name, o.amount, c.email FROM orders o JOIN customers c ON c.id = o.customer_id ORDER BY o.id LIMIT 1", "Zoe|50|[redacted]")]
    [InlineData("SELECT region, count(*) FROM customers GROUP BY region ORDER BY 1", "eu|301;us|1")]
    [InlineData("WITH gold AS (SELECT * FROM customers WHERE tier = 'gold') SELECT count(*), max(name) FROM gold WHERE id < 5", "1|Zoe")]
    [InlineData("SELECT name FROM customers WHERE id IN (SELECT customer_id FROM orders WHERE amount > 60)", "Yan")]
    [InlineData("SELECT count(*) FROM pub", "20")]
    [InlineData("UPDATE customers SET card = '123', name = 'Zoë' WHERE id = 20 RETURNING name, card", "Zoë|[redacted]")]
    [InlineData("SELECT relname FROM pg_catalog.pg_class WHERE relname = 'customers' AND relkind = 'r'", "customers")]
    [InlineData("SELECT conname, pg_get_constraintdef(oid, true) FROM pg_constraint WHERE conname = 'customers_tier_check'", "customers_tier_check|CHECK (tier = ANY (ARRAY['****'::text, '******'::text]))")]
    public async Task What_needs_no_masked_value_works_and_masked_columns_come_back_masked(string sql, string rows)
    {
        await using var shop = await MaskedShop.Open();
        foreach (var mode in new[] { "simple", "ext", "ext-blind" })
        {
            using var client = await shop.Agent.Connect();
            var got = await (MaskingCase.All.First() with { Mode = mode }).Play(client, [sql]);
            Assert.True(got.TrueForAll(m => m.Type != 'E'), $"{mode}: {string.Join(' ', got.Where(m => m.Type == 'E').Select(m => RawClient.Field(m.Body, 'M')))}");
            Assert.Equal(rows, string.Join(';', got.Where(m => m.Type == 'D').Select(m => string.Join('|', RawClient.Columns(m.Body)))));
        }
        Assert.Contains(shop.Agent.Transcript(), l => l.Contains("\"outcome\":\"completed\"", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Two_databases_that_differ_in_masked_values_alone_look_the_same()
    {
        await using var one = await MaskedShop.Open();
        await using var other = await MaskedShop.Open(otherValues: true);
        using var here = await one.Agent.Connect();
        using var there = await other.Agent.Connect();
        var queries = new QueryMaker(20260717);
        var (passed, byCursor, copied, explained) = (0, 0, 0, 0);
        var differences = new List<string>();
        for (var i = 0; i < 400; i++)
        {
            var sent = queries.Messages();
            var (a, b) = (await Told(here, sent), await Told(there, sent));
            passed += a.Contains(" E", StringComparison.Ordinal) ? 0 : 1;
            byCursor += a.Contains("C[FETCH", StringComparison.Ordinal) ? 1 : 0;
            copied += a.Contains("C[COPY", StringComparison.Ordinal) ? 1 : 0;
            explained += a.Contains("C[EXPLAIN", StringComparison.Ordinal) ? 1 : 0;
            if (a != b)
            {
                differences.Add($"{string.Join("; ", sent)}\n  {a}\n  {b}");
            }
        }
        Assert.True(differences.Count == 0, string.Join('\n', differences.Take(5)));
        Assert.True(passed >= 80, $"only {passed} of 400 queries were answered: that shows nothing");
        Assert.True(Math.Min(Math.Min(byCursor, copied), explained) >= 5, $"{byCursor} by cursor, {copied} copied, {explained} explained: that shows nothing");

        static async Task<string> Told(RawClient client, string[] messages)
        {
            var told = "";
            foreach (var sql in messages)
            {
                told += $" {Bytes(await client.Ask(RawClient.Query(sql)))}";
            }
            await client.Ask(RawClient.Query("rollback"));
            return told;
        }

        // everything but the numbers of relations, and where an operation stands in its session
        static string Bytes(List<(char Type, byte[] Body)> got) => string.Join(' ', got.Select(m => m.Type switch
        {
            'T' => "T",
            'E' => $"E{RawClient.Field(m.Body, 'C')}{RawClient.Field(m.Body, 'M')}",
            'C' => $"C[{RawClient.Text(m.Body)}]",
            _ => m.Type + Convert.ToHexString(m.Body),
        }));
    }

    [Fact]
    public async Task Binary_values_are_masked_and_valid_for_their_types()
    {
        await using var shop = await MaskedShop.Open();
        using var client = await shop.Agent.Connect();
        var got = await client.Ask(
            RawClient.Parse("", "SELECT id, ssn, card, salary, dob, profile, tags, photo, name FROM customers WHERE id = 1"), RawClient.BindForBinary("", ""), RawClient.Execute(), RawClient.Sync);
        var row = RawClient.Values(Assert.Single(got, m => m.Type == 'D').Body).ToList();
        Assert.Equal(
            ["00000001", Hex("[redacted]"), Hex("[redacted]"), "null", "null", "01" + Hex("\"[redacted]\""), "null", "null", Hex("Zoe")],
            row.Select(v => v is null ? "null" : Convert.ToHexString(v)));

        static string Hex(string text) => Convert.ToHexString(Encoding.UTF8.GetBytes(text));
    }

    [Fact]
    public async Task A_hash_is_the_same_after_the_agent_was_started_again_and_another_agents_is_not()
    {
        MaskRule[] masks = [new("hashed", "orders", ["public.people.name"], [], new MaskWith(MaskKind.Hash), null, Inference.Refuse)];
        await using var one = await WireAgent.Start(new WireOptions(Masks: masks) { Before = ["create table people (name text)", "insert into people values ('Zoe')"] });
        await using var other = await WireAgent.Start(new WireOptions(Masks: masks) { Before = ["create table people (name text)", "insert into people values ('Zoe')"] });
        var first = await Hash(one);
        Assert.NotEqual("Zoe", first);
        Assert.NotEqual(first, await Hash(other));
        await one.Reopen();
        Assert.Equal(first, await Hash(one));

        static async Task<string> Hash(WireAgent agent)
        {
            using var client = await agent.Connect();
            return RawClient.Columns((await client.Ask(RawClient.Query("select name from people"))).Single(m => m.Type == 'D').Body).Single();
        }
    }

    /// <summary>Npgsql asks for binary values, of all types.</summary>
    [Fact]
    public async Task Npgsql_reads_masked_values_as_values_of_their_types()
    {
        await using var shop = await MaskedShop.Open();
        await using var connection = new Npgsql.NpgsqlConnection(shop.Agent.NpgsqlString());
        await connection.OpenAsync(TestContext.Current.CancellationToken);
        await using var command = new Npgsql.NpgsqlCommand("SELECT name, ssn, salary, dob, profile, tags, photo, id FROM customers WHERE id < $1 ORDER BY id", connection)
        {
            Parameters = { new() { Value = 3 } },
        };
        for (var prepared = 0; prepared < 2; prepared++)
        {
            await using (var rows = await command.ExecuteReaderAsync(TestContext.Current.CancellationToken))
            {
                foreach (var (name, id) in new[] { ("Zoe", 1), ("Yan", 2) })
                {
                    Assert.True(await rows.ReadAsync(TestContext.Current.CancellationToken));
                    Assert.Equal((name, "[redacted]", "\"[redacted]\"", id), (rows.GetString(0), rows.GetString(1), rows.GetString(4), rows.GetInt32(7)));
                    Assert.All([2, 3, 5, 6], i => Assert.True(rows.IsDBNull(i)));
                }
            }
            await command.PrepareAsync(TestContext.Current.CancellationToken);
        }
    }

    /// <summary>JDBC by text at first, and by binary once it has prepared; psycopg2 by text, and by cursor on the server, which are refused over masked columns.</summary>
    [Fact]
    public async Task Jdbc_and_psycopg_read_masked_values()
    {
        await using var shop = await MaskedShop.Open();
        var (user, password) = shop.Agent.Ticket();
        var java = await Programs.Run("java", new Dictionary<string, string>(), "-cp", "/usr/share/java/postgresql.jar", UnderMasksTests.Client("Masked.java"),
            $"jdbc:postgresql://127.0.0.1:{shop.Agent.Port}/{shop.Agent.Database}?sslmode=disable&gssEncMode=disable&prepareThreshold=2", user, password);
        Assert.Equal((string.Concat(Enumerable.Repeat("1 Zoe [redacted] null null \"[redacted]\" null null\n", 4)), "", 0), (java.Out, java.Error, java.Status));
        var python = await Programs.Run("/usr/bin/python3", Programs.Through(shop.Agent), UnderMasksTests.Client("masked.py"), "");
        Assert.Equal(("(1, 'Zoe', '[redacted]', None, None, '[redacted]', None, None)\n42501\n", "", 0), (python.Out, python.Error, python.Status));
    }

    [Fact]
    public async Task Psql_describes_tables_and_lists_everything()
    {
        await using var shop = await MaskedShop.Open();
        foreach (var command in new[] { "\\d customers", "\\d+ customers", "\\d orders", "\\d v_alias", "\\d events", "\\dt shop.*", "\\df shop.*", "\\dv", "\\di", "\\dn", "\\du", "\\l", "\\dT", "\\ds", "\\dp customers", "\\d" })
        {
            var (user, password) = shop.Agent.Ticket();
            var said = await Programs.Run("psql", new Dictionary<string, string> { ["PGPASSWORD"] = password, ["PGSSLMODE"] = "disable" },
                "-X", "-h", "127.0.0.1", "-p", $"{shop.Agent.Port}", "-U", user, "-d", shop.Agent.Database, "-c", command);
            Assert.True(said is { Status: 0, Error.Length: 0, Out.Length: > 0 }, $"{command}: {said}");
        }
    }

    [Theory]
    [InlineData("simple")]
    [InlineData("ext")]
    public async Task Harmless_statements_still_pass_under_masks(string mode)
    {
        await using var shop = await MaskedShop.Open();
        var (all, refused) = (0, new List<string>());
        foreach (var line in File.ReadLines(Path.Combine(AppContext.BaseDirectory, "corpus/postgresql/guard_cases.jsonl")))
        {
            using var json = System.Text.Json.JsonDocument.Parse(line);
            var one = json.RootElement;
            if (one.GetProperty("class").GetString() != "harmless" || one.GetProperty("mode").GetString() != "simple" || !one.TryGetProperty("sql", out var texts))
            {
                continue;
            }
            all++;
            using var client = await shop.Agent.Connect();
            var got = await (MaskingCase.All.First() with { Mode = mode }).Play(client, [.. texts.EnumerateArray().Select(t => t.GetString()!)]);
            if (got.Find(m => m.Type == 'E' && RawClient.Field(m.Body, 'C') == "42501") is (not '\0', var error))
            {
                refused.Add($"{one.GetProperty("id").GetString()}: {RawClient.Field(error, 'M')}");
            }
        }
        Assert.True(all >= 20 && refused.Count * 20 <= all, $"{refused.Count} of {all}: {string.Join('\n', refused)}");
    }
}

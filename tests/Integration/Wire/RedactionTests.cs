using System.Text;
using Xunit;

namespace AccessPlane.Tests.Integration.Wire;

/// <summary>The masking corpus through an agent, on a real server, with the most dangerous login; and what must still work then.</summary>
[Collection(nameof(GuardShop))] // both need roles of the same names
public sealed class RedactionTests
{
    private static readonly (string Name, Func<string, string> Said, string? Mode)[] Ways =
    [
        ("as it is", s => s, null),
        ("in other case, with comments, blind", s => Unquoted(s, p => string.Concat(p.Select((c, i) => i % 2 == 0 ? char.ToUpperInvariant(c) : char.ToLowerInvariant(c))).Replace(" ", " /* a ' ; */\n", StringComparison.Ordinal)), "ext-blind"),
        ("wide, described", s => Unquoted(s, p => p.Replace(" ", " \t\r\n ", StringComparison.Ordinal)) + " ;", "ext"),
    ];

    [Fact]
    public async Task No_case_of_the_corpus_shows_a_secret()
    {
        await using var shop = await MaskedShop.Open();
        var leaks = new List<string>();
        foreach (var (way, said, mode) in Ways)
        {
            foreach (var one in MaskingCase.All.Where(c => c.OraclePair is null).Select(c => c.Said(said, mode)))
            {
                if (one.Setup is not null)
                {
                    await shop.Agent.Directly(one.Setup);
                }
                await shop.Agent.Directly(one.Session2 ?? []);
                var got = await Answers(shop, one);
                Assert.NotEmpty(got);
                leaks.AddRange(one.Leaks(got).Select(s => $"{way}: {one.Id} shows {s}: {RawClient.Story(got)}"));
                if (one.Setup is not null || got.Exists(m => m.Type == 'C' && !RawClient.Text(m.Body).StartsWith("SELECT", StringComparison.Ordinal)))
                {
                    await shop.Reset();
                }
            }
        }
        Assert.True(leaks.Count == 0, string.Join('\n', leaks));
    }

    /// <summary>A connection that is refused has its error for an answer.</summary>
    private static async Task<List<(char Type, byte[] Body)>> Answers(MaskedShop shop, MaskingCase one)
    {
        try
        {
            using var client = await shop.Agent.Connect(one.Startup);
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
        foreach (var one in MaskingCase.All.Where(c => c.OraclePair is not null))
        {
            string Story(List<(char Type, byte[] Body)> got) => string.Join(' ', got.Select(m => m.Type == 'E'
                ? $"E{RawClient.Field(m.Body, 'C')}" : $"{m.Type}{Convert.ToHexString(m.Body)}"));
            var stories = new List<string>();
            foreach (var half in one.OraclePair!)
            {
                using var client = await shop.Agent.Connect();
                stories.Add(Story(await one.Play(client, [half])));
            }
            if (stories[0] != stories[1])
            {
                told.Add($"{one.Id}: {stories[0]} is not {stories[1]}");
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
    [InlineData("UPDATE customers SET ssn = '123', name = 'Zoë' WHERE id = 20 RETURNING name, ssn", "Zoë|[redacted]")]
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

    [Fact]
    public async Task Harmless_statements_still_pass_under_masks()
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
            var got = new List<(char Type, byte[] Body)>();
            foreach (var sql in texts.EnumerateArray())
            {
                got.AddRange(await client.Ask(RawClient.Query(sql.GetString()!)));
            }
            if (got.Find(m => m.Type == 'E' && RawClient.Field(m.Body, 'C') == "42501") is (not '\0', var error))
            {
                refused.Add($"{one.GetProperty("id").GetString()}: {RawClient.Field(error, 'M')}");
            }
        }
        Assert.True(all >= 20 && refused.Count * 20 <= all, $"{refused.Count} of {all}: {string.Join('\n', refused)}");
    }

    private static string Unquoted(string sql, Func<string, string> change)
    {
        var said = new StringBuilder();
        var parts = sql.Split('\'');
        for (var i = 0; i < parts.Length; i++)
        {
            said.Append(i > 0 ? "'" : "").Append(i % 2 == 0 && !parts[i].Contains('$', StringComparison.Ordinal) && !parts[i].Contains('"', StringComparison.Ordinal) ? change(parts[i]) : parts[i]);
        }
        return said.ToString();
    }
}

using AccessPlane.Tests.Integration.Wire;
using Xunit;

namespace AccessPlane.Tests.Integration.Masking;

/// <summary>The masking corpus through an agent whose sessions have logins that PostgreSQL itself shows masks; and what works then without any refusal.</summary>
public sealed class HiddenCorpusTests
{
    private static readonly (string Name, Func<string, string> Said, string? Mode)[] Ways =
    [
        ("as it is", s => s, null),
        ("with comments, blind", s => s.Replace(" ", " /**/\n", StringComparison.Ordinal), "ext-blind"),
        ("wide, described", s => s.Replace(" ", " \t ", StringComparison.Ordinal) + " ;", "ext"),
    ];

    /// <summary>What a tag begins with after which the shop must be made anew.</summary>
    private static readonly string[] Changing = ["INSERT", "UPDATE", "DELETE", "MERGE", "CREATE", "DROP", "ALTER", "TRUNCATE"];

    [Theory]
    [InlineData(PgServer.Installed)]
    [InlineData(PgServer.Newer)]
    public async Task No_case_shows_a_secret(PgServer on)
    {
        await using var shop = await HiddenShop.Open(on);
        var (leaks, answered) = (new List<string>(), 0);
        foreach (var (way, said, mode) in on == PgServer.Installed ? Ways : Ways[..1])
        {
            foreach (var one in MaskingCase.All.Where(c => c.OraclePair is null).Select(c => c.Said(said, mode)))
            {
                if (one.Setup is not null && !await Prepared(shop, one.Setup))
                {
                    continue;
                }
                var got = await Play(shop, c => one.Wire is not null ? one.PlayWire(c) : one.Play(c, one.Sql!));
                answered += got.Exists(m => m.Type == 'D') ? 1 : 0;
                leaks.AddRange(one.Leaks(got).Select(s => $"{way}: {one.Id} shows {s}: {RawClient.Story(got)}"));
                if (one.Setup is not null || got.Exists(m => m.Type == 'C' && Changing.Any(c => RawClient.Text(m.Body).StartsWith(c, StringComparison.Ordinal))))
                {
                    await shop.Reset();
                }
            }
        }
        Assert.True(leaks.Count == 0, string.Join('\n', leaks));
        Assert.True(answered > (on == PgServer.Installed ? 150 : 50), $"only {answered} cases were answered with rows: that shows nothing");
    }

    [Theory]
    [InlineData(PgServer.Installed)]
    [InlineData(PgServer.Newer)]
    public async Task Both_halves_of_an_oracle_say_the_same(PgServer on)
    {
        await using var shop = await HiddenShop.Open(on);
        var told = new List<string>();
        foreach (var one in MaskingCase.All.Where(c => c.OraclePair is not null))
        {
            var stories = new List<string>();
            foreach (var half in one.OraclePair!)
            {
                stories.Add(RawClient.Story(await Play(shop, c => one.Play(c, [half]))));
            }
            if (Plain(stories[0]) != Plain(stories[1]))
            {
                told.Add($"{one.Id}: {stories[0]} is not {stories[1]}");
            }
        }
        Assert.True(told.Count == 0, string.Join('\n', told));
    }

    [Theory]
    [InlineData("SELECT * FROM customers WHERE id=1", "1|Zoe|[redacted]|[redacted]|********2222|null|null|\"[redacted]\"|null|null|hello|gold|eu")]
    [InlineData("SELECT c.name, o.amount, c.email FROM shop.orders o JOIN shop.customers c ON c.id = o.customer_id ORDER BY o.id LIMIT 1", "Zoe|50|[redacted]")]
    [InlineData("SELECT card, count(*) FROM customers WHERE card LIKE '%2222' GROUP BY card", "********2222|1")]
    [InlineData("SELECT ssn, length(ssn), upper(email) FROM customers ORDER BY ssn, id LIMIT 1", "[redacted]|10|[REDACTED]")]
    [InlineData("WITH gold AS (SELECT * FROM shop.customers WHERE tier = 'gold') SELECT count(*), max(card) FROM gold WHERE id < 5", "1|********2222")]
    [InlineData("SELECT name FROM customers WHERE id IN (SELECT customer_id FROM orders WHERE customer_ssn IS NOT NULL AND amount > 60)", "Yan")]
    [InlineData("SELECT count(*) FROM pub", "20")]
    [InlineData("SELECT e.ssn, p.ssn FROM events e CROSS JOIN person p", "[redacted]|[redacted]")]
    [InlineData("UPDATE customers SET name = 'Zoë' WHERE id = 20 RETURNING name, ssn", "Zoë|[redacted]")]
    [InlineData("SELECT row_number() OVER (ORDER BY dob), id FROM customers WHERE id = 1", "1|1")]
    public async Task Everything_simply_works_and_shows_masks(string sql, string rows)
    {
        await using var shop = await HiddenShop.Open();
        foreach (var mode in new[] { "simple", "ext", "ext-blind" })
        {
            var got = await Play(shop, c => (MaskingCase.All.First() with { Mode = mode }).Play(c, [sql]));
            Assert.True(got.TrueForAll(m => m.Type != 'E'), $"{mode}: {string.Join(' ', got.Where(m => m.Type == 'E').Select(m => RawClient.Field(m.Body, 'M')))}");
            Assert.Equal(rows, string.Join(';', got.Where(m => m.Type == 'D').Select(m => string.Join('|', RawClient.Columns(m.Body)))));
        }
    }

    [Fact]
    public async Task Psql_describes_a_table_by_the_columns_it_has()
    {
        await using var shop = await HiddenShop.Open();
        foreach (var command in new[] { "\\d customers", "\\d+ customers", "\\d shop.orders", "\\d events", "\\dt shop.*", "\\df shop.*", "\\dv", "\\di", "\\dn", "\\du", "\\l", "\\dT", "\\ds", "\\dp customers", "\\d" })
        {
            var (user, password) = shop.Agent.Ticket();
            var said = await Programs.Run("psql", new Dictionary<string, string> { ["PGPASSWORD"] = password, ["PGSSLMODE"] = "disable" },
                "-X", "-h", "127.0.0.1", "-p", $"{shop.Agent.Port}", "-U", user, "-d", shop.Agent.Database, "-c", command);
            Assert.True(said is { Status: 0, Error.Length: 0, Out.Length: > 0 }, $"{command}: {said}");
            if (command.EndsWith("customers", StringComparison.Ordinal) && command.StartsWith("\\d", StringComparison.Ordinal) && !command.Contains('p'))
            {
                foreach (var column in new[] { "ssn", "card", "salary", "profile" })
                {
                    Assert.Matches($@"\b{column}\b", said.Out);
                }
            }
        }
    }

    /// <summary>A case's ground that the server of this version does not have, or that is refused to its owner, is no case.</summary>
    private static async Task<bool> Prepared(HiddenShop shop, string setup)
    {
        try
        {
            await shop.Agent.Directly("set search_path = shop, public", setup);
            return true;
        }
        catch (Npgsql.PostgresException)
        {
            await shop.Reset();
            return false;
        }
    }

    /// <summary>What comes: where the session itself is refused, the refusal.</summary>
    private static async Task<List<(char Type, byte[] Body)>> Play(HiddenShop shop, Func<RawClient, Task<List<(char Type, byte[] Body)>>> play)
    {
        var (user, password) = shop.Agent.Ticket();
        using var client = await RawClient.Dial(shop.Agent.Port);
        await client.Send(RawClient.Startup(("user", user), ("database", shop.Agent.Database)));
        await client.Prove(password);
        if (await client.Read() is { Type: 'E' } refused)
        {
            Assert.StartsWith("masking: server unavailable: ", RawClient.Field(refused.Body, 'M'), StringComparison.Ordinal);
            return [refused];
        }
        await client.UntilReady();
        return await play(client);
    }

    /// <summary>Without what differs by the session alone.</summary>
    private static string Plain(string story) => System.Text.RegularExpressions.Regex.Replace(story, "operation [0-9]+ of session [0-9a-f-]+|accessplane_s_[0-9a-f_]+", "");
}

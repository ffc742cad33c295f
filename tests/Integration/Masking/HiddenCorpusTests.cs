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

    /// <summary>Cases after whose setup, or with whose startup, there is no session: they open a way that the closure check finds.</summary>
    private static readonly string[] Closed = ["M-J09", "M-R02", "M-R03", "M-R04"];

    [Theory]
    [InlineData(PgServer.Installed)]
    [InlineData(PgServer.Newer)]
    public async Task Every_case_is_played_and_none_shows_a_secret_or_tells_one_half_from_the_other(PgServer on)
    {
        await using var shop = await HiddenShop.Open(on);
        await shop.MakeForCases();
        var group = await shop.Group();
        var wrong = new List<string>();
        foreach (var (way, said, mode) in on == PgServer.Installed ? Ways[..2] : Ways[2..])
        {
            var (played, answered, refused) = (0, 0, new List<string>());
            foreach (var one in MaskingCase.All.Select(c => c.With(shop.Owner, group).Said(said, mode)))
            {
                if (one.Setup is { } setup)
                {
                    await shop.Prepare(setup);
                }
                if (one.Session2 is { } others)
                {
                    await shop.Agent.Directly(others);
                    // or the case shows nothing; PostgreSQL 18 leaves constants out of what it remembers of SET
                    Assert.Equal(on == PgServer.Installed, await shop.Agent.Ask(one.WhetherThereIsASecret));
                }
                var (why, got, isRefused) = await Played(shop, one);
                played++;
                wrong.AddRange(why.Select(w => $"{way}: {w}"));
                answered += got.Exists(m => m.Type == 'D') ? 1 : 0;
                if (isRefused)
                {
                    refused.Add(one.Id);
                }
                if (one.Setup is not null || got.Exists(m => m.Type == 'C' && Changing.Any(c => RawClient.Text(m.Body).StartsWith(c, StringComparison.Ordinal))))
                {
                    await shop.Reset(group);
                }
            }
            Assert.Equal((way, 151), (way, played));
            Assert.Equal(Closed, refused);
            Assert.True(answered >= 60, $"{way}: only {answered} cases were answered with rows: that shows nothing");
        }
        Assert.True(wrong.Count == 0, string.Join('\n', wrong));
    }

    private static async Task<(IEnumerable<string> Wrong, List<(char Type, byte[] Body)> Got, bool IsRefused)> Played(HiddenShop shop, MaskingCase one)
    {
        if (one.OraclePair is not { } pair)
        {
            var (got, isRefused) = await Play(shop, one.Startup, c => one.Wire is not null ? one.PlayWire(c) : one.Play(c, one.Sql!));
            return (one.Leaks(got).Select(s => $"{one.Id} shows {s}: {RawClient.Story(got)}"), got, isRefused);
        }
        var (first, refused) = await Play(shop, [], c => one.Play(c, [pair[0]]));
        var (second, refusedToo) = await Play(shop, [], c => one.Play(c, [pair[1]]));
        var (here, there) = (Plain(RawClient.Story(first)), Plain(RawClient.Story(second)));
        return (here == there ? [] : [$"{one.Id}: {here} is not {there}"], first, refused || refusedToo);
    }

    [Theory]
    [InlineData(PgServer.Installed)]
    [InlineData(PgServer.Newer)]
    public async Task Everything_simply_works_and_shows_masks(PgServer on)
    {
        await using var shop = await HiddenShop.Open(on);
        foreach (var (sql, rows) in new[]
        {
            ("SELECT * FROM customers WHERE id=1", "1|Zoe|[redacted]|[redacted]|********2222|null|null|\"[redacted]\"|null|null|hello|gold|eu"),
            ("SELECT c.name, o.amount, c.email FROM shop.orders o JOIN shop.customers c ON c.id = o.customer_id ORDER BY o.id LIMIT 1", "Zoe|50|[redacted]"),
            ("SELECT card, count(*) FROM customers WHERE card LIKE '%2222' GROUP BY card", "********2222|1"),
            ("SELECT ssn, length(ssn), upper(email) FROM customers ORDER BY ssn, id LIMIT 1", "[redacted]|10|[REDACTED]"),
            ("WITH gold AS (SELECT * FROM shop.customers WHERE tier = 'gold') SELECT count(*), max(card) FROM gold WHERE id < 5", "1|********2222"),
            ("SELECT name FROM customers WHERE id IN (SELECT customer_id FROM orders WHERE customer_ssn IS NOT NULL AND amount > 60)", "Yan"),
            ("SELECT count(*) FROM pub", "20"),
            ("SELECT e.ssn, p.ssn FROM events e CROSS JOIN person p", "[redacted]|[redacted]"),
            ("UPDATE customers SET name = 'Zoë' WHERE id = 20 RETURNING name, ssn", "Zoë|[redacted]"),
            ("SELECT row_number() OVER (ORDER BY dob), id FROM customers WHERE id = 1", "1|1"),
        })
        {
            foreach (var mode in new[] { "simple", "ext", "ext-blind" })
            {
                var (got, _) = await Play(shop, [], c => (MaskingCase.All.First() with { Mode = mode }).Play(c, [sql]));
                Assert.True(got.TrueForAll(m => m.Type != 'E'), $"{mode}: {sql}: {MaskDatabase.Story(got)}");
                Assert.Equal((sql, rows), (sql, string.Join(';', got.Where(m => m.Type == 'D').Select(m => string.Join('|', RawClient.Columns(m.Body))))));
            }
        }
    }

    [Theory]
    [InlineData(PgServer.Installed)]
    [InlineData(PgServer.Newer)]
    public async Task Psql_describes_a_table_by_the_columns_it_has(PgServer on)
    {
        await using var shop = await HiddenShop.Open(on);
        // what databases have is asked for in the words of each version: an older psql has others than a newer server
        foreach (var command in new[] { on == PgServer.Installed ? "\\l" : "\\dx", "\\d customers", "\\d+ customers", "\\d shop.orders", "\\d events", "\\dt shop.*", "\\df shop.*", "\\dv", "\\di", "\\dn", "\\du", "\\dT", "\\ds", "\\dp customers", "\\d" })
        {
            var (user, password) = shop.Agent.Ticket();
            var said = await Programs.Run("psql", new Dictionary<string, string> { ["PGPASSWORD"] = password, ["PGSSLMODE"] = "disable" },
                "-X", "-h", "127.0.0.1", "-p", $"{shop.Agent.Port}", "-U", user, "-d", shop.Agent.Database, "-c", command);
            Assert.True(said is { Status: 0, Out.Length: > 0 }, $"{command}: {said}");
            Assert.True(said.Error.Length == 0 || said.Error.StartsWith("NOTICE:  columns of shop.", StringComparison.Ordinal), said.Error);
            if (command.EndsWith("customers", StringComparison.Ordinal) && command.StartsWith("\\d", StringComparison.Ordinal) && !command.Contains('p'))
            {
                foreach (var column in new[] { "ssn", "card", "salary", "profile" })
                {
                    Assert.Matches($@"\b{column}\b", said.Out);
                }
            }
        }
    }

    /// <summary>What comes: where the session itself is refused, the refusal.</summary>
    private static async Task<(List<(char Type, byte[] Body)> Got, bool IsRefused)> Play(
        HiddenShop shop, (string, string)[] startup, Func<RawClient, Task<List<(char Type, byte[] Body)>>> play)
    {
        var (user, password) = shop.Agent.Ticket();
        using var client = await RawClient.Dial(shop.Agent.Port);
        await client.Send(RawClient.Startup([("user", user), ("database", shop.Agent.Database), .. startup]));
        if (startup.Length > 0)
        {
            var answer = await client.UntilReady();
            Assert.Equal('E', Assert.Single(answer).Type); // before anyone is asked who they are
            return (answer, true);
        }
        await client.Prove(password);
        if (await client.Read() is { Type: 'E' } refused)
        {
            // what is found while a session begins ends those that have begun, and it may be one of them
            Assert.Matches("^(masking: server unavailable|what the policy hides could be seen by now): ", RawClient.Field(refused.Body, 'M'));
            return ([refused], true);
        }
        await client.UntilReady();
        var got = await play(client);
        Assert.NotEmpty(got);
        return (got, false);
    }

    /// <summary>Without what differs by the session alone.</summary>
    private static string Plain(string story) => System.Text.RegularExpressions.Regex.Replace(story, "operation [0-9]+ of session [0-9a-f-]+|accessplane_s_[0-9a-f_]+", "");
}

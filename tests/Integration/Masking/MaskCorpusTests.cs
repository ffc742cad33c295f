using AccessPlane.Agent.Protocols.PostgreSql.Masking;
using AccessPlane.Contracts.Policy;
using AccessPlane.Tests.Integration.Wire;
using Xunit;

namespace AccessPlane.Tests.Integration.Masking;

/// <summary>The masking corpus, played by a login of the group directly against the server: nothing stands between them but PostgreSQL's own privileges.</summary>
public sealed class MaskCorpusTests
{
    private static readonly string[] Extensions =
        ["dblink", "postgres_fdw", "file_fdw", "hstore", "xml2", "tablefunc", "pageinspect", "pgcrypto", "lo", "pg_trgm", "pgrowlocks", "pg_walinspect", "intarray", "fuzzystrmatch"];

    [Theory]
    [InlineData(PgServer.Installed)]
    [InlineData(PgServer.Newer)]
    public async Task No_case_of_the_corpus_shows_a_secret_and_both_halves_of_an_oracle_say_the_same(PgServer on)
    {
        await using var shop = await MaskDatabase.Shop(on);
        await shop.Directly([.. Extensions.Select(e => $"create extension {e} schema public")]);
        await shop.Close(await shop.Ready(login: shop.Writing));
        var (wrong, played, answered) = (new List<string>(), 0, 0);
        var outcome = await shop.Ready(login: shop.Writing);
        foreach (var one in MaskingCase.All)
        {
            if (one.Setup is { } setup)
            {
                await shop.Directly("set search_path = shop, public; " +
                    setup.Replace("gw_rw", shop.Writers, StringComparison.Ordinal).Replace("app_owner", shop.Role, StringComparison.Ordinal));
            }
            var dirty = one.Setup is not null;
            outcome = dirty ? await shop.Ready(login: shop.Writing) : outcome;
            played++;
            if (outcome.Group is { } group)
            {
                var (why, wrote, ok) = await Play(shop, group, one);
                wrong.AddRange(why);
                dirty |= wrote;
                answered += ok ? 1 : 0;
            }
            else
            {
                Assert.True(one.Setup is not null, $"{one.Id}: {outcome.Unavailable}"); // nothing but its setup can have opened a way
            }
            if (dirty)
            {
                await shop.FillShop();
                outcome = await shop.Ready(login: shop.Writing);
            }
        }
        Assert.True(wrong.Count == 0, string.Join('\n', wrong));
        Assert.True(played >= 147 && answered >= 60, $"{answered} of {played} cases were answered: that shows nothing");
    }

    private static async Task<(List<string> Wrong, bool Wrote, bool Answered)> Play(MaskDatabase shop, MaskGroup group, MaskingCase one)
    {
        var (wrong, all) = (new List<string>(), new List<(char Type, byte[] Body)>());
        if (one.OraclePair is { } pair)
        {
            var stories = new List<string>();
            foreach (var half in pair)
            {
                using var client = await shop.Login(group);
                var got = await one.Play(client, [half]);
                all.AddRange(got);
                stories.Add(string.Join(' ', got.Select(m => m.Type == 'E' ? $"E{RawClient.Field(m.Body, 'C')}" : $"{m.Type}{Convert.ToHexString(m.Body)}")));
            }
            if (stories[0] != stories[1])
            {
                wrong.Add($"{one.Id}: {stories[0]} is not {stories[1]}");
            }
        }
        else
        {
            using var client = await shop.Login(group);
            all.AddRange(one.Wire is not null ? await one.PlayWire(client) : await one.Play(client, one.Sql!));
            wrong.AddRange(one.Leaks(all).Select(s => $"{one.Id} shows {s}: {RawClient.Story(all)}"));
        }
        Assert.NotEmpty(all);
        return (wrong, all.Exists(m => m.Type == 'C' && !RawClient.Text(m.Body).StartsWith("SELECT", StringComparison.Ordinal)), all.Exists(m => m.Type == 'C'));
    }

    [Theory]
    [InlineData(PgServer.Installed)]
    [InlineData(PgServer.Newer)]
    public async Task Two_databases_that_differ_in_masked_values_alone_look_the_same(PgServer on)
    {
        await using var one = await MaskDatabase.Shop(on);
        await using var other = await MaskDatabase.Shop(on, otherValues: true);
        // what stays of a value is not hidden: every mask is the same for all values here
        IReadOnlyList<MaskRule> rules = [MaskDatabase.Rules[0], MaskDatabase.Rule(MaskWith.Redact, "shop.customers.card")];
        using var here = await one.Login(await one.Group(rules, one.Writing));
        using var there = await other.Login(await other.Group(rules, other.Writing));
        var queries = new QueryMaker(20261121);
        var (passed, differences) = (0, new List<string>());
        for (var i = 0; i < 400; i++)
        {
            var sql = queries.Next();
            var (a, b) = (Bytes(await here.Ask(RawClient.Query(sql))), Bytes(await there.Ask(RawClient.Query(sql))));
            passed += a.Contains("C[", StringComparison.Ordinal) ? 1 : 0;
            if (a != b)
            {
                differences.Add($"{sql}\n  {a}\n  {b}");
            }
        }
        Assert.True(differences.Count == 0, string.Join('\n', differences.Take(5)));
        Assert.True(passed >= 200, $"only {passed} of 400 queries were answered: that shows nothing");

        // everything but the numbers of relations
        static string Bytes(List<(char Type, byte[] Body)> got) => string.Join(' ', got.Select(m => m.Type switch
        {
            'T' => "T",
            'E' => $"E{RawClient.Field(m.Body, 'C')}{RawClient.Field(m.Body, 'M')}",
            'C' => $"C[{RawClient.Text(m.Body)}]",
            _ => m.Type + Convert.ToHexString(m.Body),
        }));
    }
}

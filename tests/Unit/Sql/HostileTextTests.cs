using System.Text;
using AccessPlane.Agent.Protocols.PostgreSql;
using AccessPlane.Contracts.Sql;
using Xunit;

namespace AccessPlane.Tests.Unit.Sql;

/// <summary>
/// The native parser ends the process where its stack ends: `SELECT 1+1+1…` was the first text found to do it. If one of these texts gets
/// through, there is no failed test but a dead test run.
/// </summary>
public sealed class HostileTextTests : IDisposable
{
    private readonly PgParser lanes;
    private readonly PgKnowledge parser;

    public HostileTextTests()
    {
        lanes = new PgParser(TimeProvider.System, TimeSpan.FromSeconds(60));
        parser = new PgKnowledge(PgCatalog.Unknown, lanes);
    }

    public void Dispose() => lanes.Dispose();

    private static string Repeat(string text, int times) => new StringBuilder(text.Length * times).Insert(0, text, times).ToString();

    public static TheoryData<string, string, string, string> Chains => new()
    {
        { "sums", "select 1", "+1", "" },
        { "postfix tests", "select 1", " isnull", "" },
        { "casts", "select 1", "::int", "" },
        { "unions", "select 1", " union select 1", "" },
        { "unions of several columns", "select 1,2", " union select 1,2", "" },
        { "brackets", "select ", "(", "1" },
        { "closed brackets", "select ", "((((((((((1))))))))))+", "1" },
        { "arrays", "select ", "array[", "1" },
        { "negations", "select ", "not ", "true" },
        { "minus signs", "select ", "- ", "1" },
        { "joins", "select from a", " cross join a", "" },
        { "joins with conditions", "select from a", " join a on f(1,2)", "" },
        { "sub-selects", "select ", "(select ", "1" },
        { "calls", "select ", "f(", "1" },
        { "cases", "select ", "case when true then ", "1" },
        { "indirections", "select a", "[1]", "" },
        { "collations", "select 'a'", " collate \"C\"", "" },
        { "zones", "select now()", " at time zone 'utc'", "" },
        { "conjunctions", "select true", " and true", "" },
        { "disjunctions", "select true", " or true", "" },
        { "strings after a string with escapes", "select E'a'\n'\\'' ", "+1", "'" },
        { "sums behind a string that only looks open", "select 'a\\' ", "+1", "" },
        { "sums behind a dollar tag", "select $a$x$a$ ", "+1", "" },
        { "sums in what only looks like a dollar string", "select a$$", "+1", "" },
        { "CTEs", "", "with a as (", "select 1" },
        { "explains of explains", "", "explain ", "select 1" },
    };

    [Theory]
    [MemberData(nameof(Chains))]
    public async Task However_long_a_chain_is_the_process_lives(string what, string start, string link, string end)
    {
        // as long as the bound lets it be, and as long as a text can be
        var linkDepth = SqlBounds.Of(Encoding.UTF8.GetBytes(link + link)).Depth - SqlBounds.Of(Encoding.UTF8.GetBytes(link)).Depth;
        foreach (var length in new[] { (SqlBounds.MaxDepth - 100) / Math.Max(1, linkDepth), SqlBounds.MaxText / link.Length })
        {
            var sql = start + Repeat(link, Math.Min(length, (SqlBounds.MaxText - 200) / link.Length)) + end;
            var facts = (await parser.Read(Encoding.UTF8.GetBytes(sql))).Facts;
            Assert.True(facts.Unknown is not null || facts.Kinds.Count > 0, $"{what} {length}");
        }
    }

    [Fact]
    public async Task A_sum_of_half_a_million_terms_is_refused_unread()
    {
        var facts = (await parser.Read(Encoding.UTF8.GetBytes("select 1" + Repeat("+1", 500_000)))).Facts;
        Assert.Contains("more than", facts.Unknown, StringComparison.Ordinal);
        facts = (await parser.Read(Encoding.UTF8.GetBytes("select 1" + Repeat("+1", 50_000)))).Facts;
        Assert.Contains("chains more than", facts.Unknown, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Long_flat_lists_are_read()
    {
        foreach (var sql in new[]
        {
            "insert into t values " + Repeat("(1,'a''b',now()),", 30_000) + "(1,'',now())",
            "select 1 where 1 in (" + Repeat("1,", 150_000) + "1)",
            "select '" + Repeat("a(b[c+d*e/", 80_000) + "'",
            "select $x$" + Repeat("1+1+", 200_000) + "$x$",
            "select 1 /*" + Repeat("+1", 400_000) + "*/",
            Repeat("select 1;", 20_000),
        })
        {
            var facts = (await parser.Read(Encoding.UTF8.GetBytes(sql))).Facts;
            Assert.True(facts.Unknown is null, facts.Unknown);
        }
    }

    [Fact]
    public void The_bound_is_never_below_the_trees_real_depth()
    {
        string[] texts =
        [
            .. Corpus.Lines("postgresql/kinds.txt").Select(l => l.Split('⇒')[0].Replace("\\\\", "\\", StringComparison.Ordinal)),
            .. Chains.Select(c => c.Data).SelectMany(c => new[] { 1, 7, 60 }.Select(n => c.Item2 + Repeat(c.Item3, n) + c.Item4)),
        ];
        foreach (var text in texts)
        {
            var bytes = Encoding.UTF8.GetBytes(text);
            if (PgTreeDepth.Of(bytes) is { } depth)
            {
                // one token opens at most a few levels of the tree's JSON (node, field, list)
                Assert.True(depth <= 16 + (SqlBounds.Of(bytes).Depth * 6), $"depth {depth}, bound {SqlBounds.Of(bytes)}: {text}");
            }
        }
    }
}

using System.Text;
using AccessPlane.Agent.Protocols.PostgreSql;
using AccessPlane.Contracts.Sql;
using Xunit;

namespace AccessPlane.Tests.Integration.Sql;

/// <summary>
/// The native parser ends the process where its stack ends: `SELECT 1+1+1…` was the first text found to do it. If one of these texts gets
/// through, there is no failed test but a dead test run. Not among the unit tests, because it takes long.
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
        var (read, longest) = (0, 0);
        foreach (var length in new[] { (SqlBounds.MaxDepth - 100) / Math.Max(1, linkDepth), SqlBounds.MaxText / link.Length })
        {
            var sql = start + Repeat(link, Math.Min(length, (SqlBounds.MaxText - 200) / link.Length)) + end;
            var facts = (await parser.Read(Encoding.UTF8.GetBytes(sql))).Facts;
            (read, longest) = (read + 1, Math.Max(longest, sql.Length));
            Assert.True(facts.Unknown is not null || facts.Kinds.Count > 0, $"{what} {length}");
        }
        FaultReport.Saw($"{what}: {read} texts of up to {longest} characters read or refused, the process lives");
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
            .. File.ReadLines(Path.Combine(AppContext.BaseDirectory, "corpus/postgresql/kinds.txt")).Where(l => l.Length > 0 && l[0] != '#').Select(l => l.Split('⇒')[0].Replace("\\\\", "\\", StringComparison.Ordinal)),
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

    [Theory]
    [InlineData("begin ", " end;")]
    [InlineData("if true then ", " end if;")]
    [InlineData("loop ", " end loop;")]
    [InlineData("for i in 1..2 loop ", " end loop;")]
    [InlineData("case 1 when 1 then ", " end case;")]
    [InlineData("begin null; exception when others then ", " end;")]
    [InlineData("<<a>> declare x int; begin ", " end;")]
    public async Task However_deep_a_block_is_the_process_lives(string open, string close)
    {
        foreach (var depth in new[] { 1, SqlBounds.MaxBlocks / 3, SqlBounds.MaxBlocks * 5, 30_000 })
        {
            if ((open.Length + close.Length) * depth > SqlBounds.MaxText - 100)
            {
                continue;
            }
            var facts = (await parser.Read(Encoding.UTF8.GetBytes($"do $x$ begin {Repeat(open, depth)} null; {Repeat(close, depth)} end $x$"))).Facts;
            Assert.True(facts.Unknown is not null || facts.Has("do"));
            Assert.True(depth < SqlBounds.MaxBlocks || facts.Unknown is not null || facts.Opaque is not null);
        }
    }

    [Theory]
    [InlineData("do $x$ begin perform {0}; end $x$", "1+", "1")]
    [InlineData("do $x$ declare y int := {0}; begin end $x$", "(", "1")]
    [InlineData("do $x$ begin {0} end $x$", "perform 1; ", "")]
    [InlineData("do $x$ begin if {0} then null; end if; end $x$", "not ", "true")]
    [InlineData("do $x${0}$x$", "begin", "")]
    [InlineData("do $x${0}$x$", "$$", "")]
    public async Task Whatever_a_block_holds_the_process_lives(string text, string link, string end)
    {
        foreach (var times in new[] { 10, 5_000, (SqlBounds.MaxText - 200) / link.Length })
        {
            var sql = text.Replace("{0}", Repeat(link, times) + end, StringComparison.Ordinal);
            var facts = (await parser.Read(Encoding.UTF8.GetBytes(sql))).Facts;
            Assert.True(facts.Unknown is not null || facts.Has("do"));
        }
    }

    [Fact]
    public async Task A_text_of_very_many_names_is_answered_soon()
    {
        var many = Enumerable.Range(0, 10_000).ToList();
        foreach (var sql in new[]
        {
            $"select {string.Join(',', many.Select(i => $"c{i}"))} from {string.Join(',', many.Select(i => $"t{i}"))}",
            $"with {string.Join(',', many.Select(i => $"t{i} as (select c{i} from t{i + 1})"))} select * from {string.Join(',', many.Select(i => $"t{i}"))}",
            $"select * from {string.Join(" natural join ", many.Take(5000).Select(i => $"t{i}"))} where {string.Join(" and ", many.Take(5000).Select(i => $"t{i}.c = c{i}"))}",
        })
        {
            var began = TimeProvider.System.GetTimestamp();
            var facts = (await parser.Read(Encoding.UTF8.GetBytes(sql))).Facts;
            Assert.True(facts.Unknown is not null || facts.Relations.Count > 0);
            Assert.True(TimeProvider.System.GetElapsedTime(began) < TimeSpan.FromSeconds(20));
        }
    }

    [Fact]
    public async Task Texts_that_do_not_come_back_do_not_hold_up_others()
    {
        using var lanesOfTwo = new PgParser(TimeProvider.System, TimeSpan.FromSeconds(1));
        using var gate = new ManualResetEventSlim();
        var stuck = new PgAnalyst(PgCatalog.Unknown, new Blocking(gate));
        var waiting = Enumerable.Range(0, 2).Select(_ => lanesOfTwo.Read("do $$ begin null; end $$"u8.ToArray(), stuck).AsTask()).ToList();
        foreach (var one in waiting)
        {
            Assert.Equal(PgParser.TooSlow, (await one).Facts.Unknown);
        }
        var facts = (await lanesOfTwo.Read("select 1"u8.ToArray(), new PgAnalyst(PgCatalog.Unknown, PgGrammar.Native))).Facts;
        gate.Set();
        Assert.Equal(["select"], facts.Kinds);
    }

    [Fact]
    public async Task A_text_that_nobody_came_to_is_not_called_too_long()
    {
        var time = new Unit.Domain.ManualClock(TimeProvider.System.GetUtcNow());
        using var lanesOfTwo = new PgParser(time);
        using var gate = new ManualResetEventSlim();
        var stuck = new Blocking(gate);
        // those that take the place of the first ones as well: from then on nobody comes to anything
        for (var begun = 2; begun <= 6; begun += 2)
        {
            var waiting = Enumerable.Range(0, 2).Select(_ => lanesOfTwo.Read("do $$ begin null; end $$"u8.ToArray(), new PgAnalyst(PgCatalog.Unknown, stuck)).AsTask()).ToList();
            await Wire.WireAgent.Until(() => Task.FromResult(stuck.Begun == begun));
            time.Advance(TimeSpan.FromSeconds(3));
            foreach (var one in waiting)
            {
                Assert.Equal(PgParser.TooSlow, (await one).Facts.Unknown);
            }
        }
        var behind = lanesOfTwo.Read("select 1"u8.ToArray(), new PgAnalyst(PgCatalog.Unknown, PgGrammar.Native)).AsTask();
        time.Advance(TimeSpan.FromSeconds(3));
        Assert.Equal(PgParser.TooMany, (await behind).Facts.Unknown);
        gate.Set();
    }

    /// <summary>Stands for a text that the native parser does not come back from.</summary>
    private sealed class Blocking(ManualResetEventSlim gate) : IPgGrammar
    {
        private int begun;

        public int Begun => Volatile.Read(ref begun);

        public bool Read(string text, PgLanguage language, Action<ReadOnlyMemory<byte>> look)
        {
            Interlocked.Increment(ref begun);
            gate.Wait(TimeSpan.FromMinutes(1));
            return false;
        }
    }
}

using AccessPlane.Contracts.Policy;
using FsCheck;
using FsCheck.Fluent;
using Xunit;

namespace AccessPlane.Tests.Unit.Policies;

public sealed class NamePatternTests
{
    [Theory]
    [InlineData("hr.salaries", "hr.salaries", true)]
    [InlineData("hr.salaries", "hr.Salaries", false)]
    [InlineData("hr.salaries", "hr.salaries2", false)]
    [InlineData("hr.salaries", "public.salaries", false)]
    [InlineData("hr.salaries", "xhr.salaries", false)]
    [InlineData("salaries", "hr.salaries", true)]
    [InlineData("pg_read_*", "pg_catalog.pg_read_file", true)]
    [InlineData("pg_read_*", "pg_catalog.read_pg_read_file", false)]
    [InlineData("*.iban", "public.customers.iban", true)]
    [InlineData("*.iban", "public.customers.oiban", false)]
    [InlineData("*", "anything.at.all", true)]
    [InlineData("hr.*", "hr.salaries", true)]
    [InlineData("h*.s*s", "hr.salaries", true)]
    [InlineData("hr.*_old", "hr.salaries", false)]
    [InlineData("customers.iban", "public.customers.iban", true)]
    public void A_pattern_stands_for_names_with_stars_and_without_what_is_left_out_on_the_left(string pattern, string name, bool matches) =>
        Assert.Equal(matches, new NamePattern(pattern).Matches(name));

    [Theory]
    [InlineData("hr.salaries", ".salaries", true)]
    [InlineData("hr.*", ".salaries", true)]
    [InlineData("hr.salaries", ".orders", false)]
    [InlineData("public.customers.card", "public.customers.*", true)]
    [InlineData("public.customers.card", "public.orders.*", false)]
    [InlineData("*.iban", "public.customers.*", true)]
    [InlineData("public.customers.card", ".customers.card", true)]
    [InlineData("public.customers.card", ".customers.*", true)]
    public void What_nobody_could_resolve_is_taken_for_what_the_rule_is_about(string pattern, string name, bool matches) =>
        Assert.Equal(matches, new NamePattern(pattern).Matches(name));

    [Theory]
    [InlineData("public.customers", null)]
    [InlineData("*", null)]
    [InlineData("a.", "empty part")]
    [InlineData(".b", "empty part")]
    [InlineData("a.b.c", "has 3 parts")]
    [InlineData("a.b ", "blank")]
    [InlineData("a\n", "character that no name has")]
    public void A_pattern_that_no_name_can_match_is_told_about(string pattern, string? why)
    {
        var told = NamePattern.WhyNot(pattern, 2);
        Assert.True(why is null ? told is null : told?.Contains(why, StringComparison.Ordinal) == true, told);
    }

    /// <summary>The matcher against the plainest one there is: stars by trying every length.</summary>
    [Fact]
    public void A_pattern_matches_what_trying_everything_says()
    {
        var texts = Gen.Elements('a', 'b', '*').ListOf(7).Select(c => new string([.. c]));
        var names = Gen.Elements('a', 'b').ListOf(8).Select(c => new string([.. c]));
        Prop.ForAll(texts.Zip(names).ToArbitrary(), pair => new NamePattern(pair.Item1).Matches(pair.Item2) == Plain(pair.Item1, pair.Item2))
            .Check(Config.QuickThrowOnFailure.WithMaxTest(3_000));
    }

    private static bool Plain(string pattern, string name) => pattern switch
    {
        "" => name.Length == 0,
        ['*', .. var rest] => Enumerable.Range(0, name.Length + 1).Any(n => Plain(rest, name[n..])),
        _ => name.Length > 0 && name[0] == pattern[0] && Plain(pattern[1..], name[1..]),
    };
}

using AccessPlane.Contracts;
using AccessPlane.Contracts.Policy;
using AccessPlane.ControlPlane.Console;
using Xunit;

namespace AccessPlane.Tests.Unit.Contracts;

public sealed class WordsTests
{
    [Theory]
    [InlineData("00:00:00.25", "250 ms")]
    [InlineData("00:00:05", "5 s")]
    [InlineData("00:20:00", "20 min")]
    [InlineData("02:30:10", "2 h 30 min")]
    [InlineData("08:00:00", "8 h")]
    [InlineData("1.00:00:00", "1 day")]
    [InlineData("3.04:00:00", "3 days 4 h")]
    public void Spans_have_two_units_at_most(string span, string words) => Assert.Equal(words, Words.Of(TimeSpan.Parse(span, System.Globalization.CultureInfo.InvariantCulture)));

    [Fact]
    public void Approval_is_told_in_the_order_of_its_steps()
    {
        var dba = Who.Nobody with { Groups = ["dba"] };
        var sam = Who.Nobody with { Subjects = ["https://idp|sam"] };
        Assert.Equal("2 of dba, then 1 of sam (from 30 min on)", Words.Of([new ApprovalStep(dba, 2), new ApprovalStep(sam, 1, TimeSpan.FromMinutes(30))]));
    }

    [Fact]
    public void What_is_offered_is_never_more_than_the_entitlement_gives()
    {
        Assert.Equal([5, 10, 20, 30, 45], Words.Choices(TimeSpan.FromMinutes(45)));
        Assert.Equal([5, 10, 20, 30, 60, 120], Words.Choices(TimeSpan.FromHours(2)));
        Assert.Equal([1], Words.Choices(TimeSpan.FromSeconds(30)));
    }

    [Fact]
    public void What_hides_in_a_statement_is_marked_wherever_it_hides()
    {
        var parts = SqlText.Parts("SELECT 'a\u202e' -- b\u200b\nFROM x\u00a0y", shown: false).ToList();
        Assert.Equal(["⟨U+202E⟩", "⟨U+200B⟩", "⟨U+00A0⟩"], parts.Where(p => p.Kind == "mark").Select(p => p.Text));
        Assert.Equal(["SELECT", "FROM"], parts.Where(p => p.Kind == "word").Select(p => p.Text));
        Assert.Equal("SELECT 'a⟨U+202E⟩' -- b⟨U+200B⟩\nFROM x⟨U+00A0⟩y", string.Concat(parts.Select(p => p.Text)));
    }

    [Fact]
    public void Brackets_that_somebody_typed_are_not_taken_for_ours() =>
        Assert.Equal("⟨U+27E8⟩U+202E⟨U+27E9⟩", string.Concat(SqlText.Parts("⟨U+202E⟩", shown: false).Select(p => p.Text)));
}

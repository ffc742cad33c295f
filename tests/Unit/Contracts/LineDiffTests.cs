using System.Text;
using AccessPlane.Contracts;
using AccessPlane.ControlPlane.Console;
using FsCheck;
using FsCheck.Fluent;
using Xunit;

namespace AccessPlane.Tests.Unit.Contracts;

public sealed class LineDiffTests
{
    private static string Shown(string before, string after) => string.Join(' ', LineDiff.Of(before, after).Select(l => $"{l.Kind}{l.Number}{l.Text}".Trim()));

    [Theory]
    [InlineData("a\nb\nc", "a\nb\nc", "1a 2b 3c")]
    [InlineData("a\nb\nc", "a\nx\nc", "1a -2b +2x 3c")]
    [InlineData("a\nc", "a\nb\nc\n", "1a +2b 3c")]
    [InlineData("a\nb\nb\nc", "a\nb\nc", "1a 2b -3b 3c")]
    [InlineData("a\r\nb", "a\nb", "1a 2b")]
    public void Lines_stay_go_and_come(string before, string after, string shown) => Assert.Equal(shown, Shown(before, after));

    [Fact]
    public void Either_text_can_be_read_from_the_difference() => Prop.ForAll(Texts.Zip(Texts).ToArbitrary(), pair =>
    {
        var diff = LineDiff.Of(pair.Item1, pair.Item2);
        return string.Join('\n', diff.Where(l => l.Kind != '+').Select(l => l.Text)) == pair.Item1 && string.Join('\n', diff.Where(l => l.Kind != '-').Select(l => l.Text)) == pair.Item2;
    }).Check(Config.QuickThrowOnFailure.WithMaxTest(300));

    // few different lines, so that many are the same
    private static readonly Gen<string> Texts = Gen.Elements("a", "b", "c").ListOf().Select(lines => string.Join('\n', lines.Prepend("first")));

    [Fact]
    public void Only_what_is_near_a_change_is_shown()
    {
        var before = string.Join('\n', Enumerable.Range(1, 20));
        var around = LineDiff.Around(LineDiff.Of(before, before.Replace("\n10\n", "\nten\n", StringComparison.Ordinal)), 1);
        Assert.Equal(["⋯", "9", "10", "ten", "11", "⋯"], around.Select(l => l?.Text ?? "⋯"));
    }

    [Fact]
    public async Task Lines_are_told_whole_however_they_come()
    {
        var told = new List<string>();
        await using var sink = new LineStream(line =>
        {
            told.Add(line);
            return Task.CompletedTask;
        });
        foreach (var b in Encoding.UTF8.GetBytes("{\"é\":1}\n{}\nrest"))
        {
            await sink.WriteAsync(new[] { b }, TestContext.Current.CancellationToken);
        }
        Assert.Equal(["{\"é\":1}", "{}"], told);
    }
}

using System.Text.Json;
using AccessPlane.Cli.Terminal;
using FsCheck;
using FsCheck.Fluent;
using Xunit;

namespace AccessPlane.Tests.Unit.Cli;

public sealed class PrintableTests
{
    [Theory]
    [InlineData("\u001b[31mred", "⟨U+001B⟩[31mred")]
    [InlineData("to\u202ealas", "to⟨U+202E⟩alas")]
    [InlineData("\u009b2J", "⟨U+009B⟩2J")]
    [InlineData("over\rwritten", "over⟨U+000D⟩written")]
    [InlineData("Zoë selects 1", "Zoë selects 1")]
    public void What_others_wrote_commands_no_terminal(string text, string shown) => Assert.Equal(shown, Printable.Of(text));

    [Fact]
    public void What_is_spelled_out_already_stays_as_it_is() => Assert.Equal("⟨U+202E⟩", Printable.Of(Printable.Of("\u202e")));

    [Fact]
    public void A_line_is_one_line_and_no_longer_than_it_may_be() => Assert.Equal("select 1...", Printable.Line("select\n\t 1 from somewhere", 11));

    [Fact]
    public void A_json_document_says_the_same_in_ascii() => Check.QuickThrowOnFailure(Prop.ForAll(
        ArbMap.Default.ArbFor<NonNull<string>>(),
        text =>
        {
            var shown = Printable.Json(JsonSerializer.Serialize(text.Get, AccessPlane.Contracts.Json.Options));
            var wellFormed = System.Text.Encoding.UTF8.GetString(System.Text.Encoding.UTF8.GetBytes(text.Get));
            return shown.All(c => c is >= ' ' and <= '~') && (wellFormed != text.Get || JsonSerializer.Deserialize<string>(shown) == text.Get);
        }));
}

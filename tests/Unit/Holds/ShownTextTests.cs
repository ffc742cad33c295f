using AccessPlane.Contracts;
using Xunit;

namespace AccessPlane.Tests.Unit.Holds;

public sealed class ShownTextTests
{
    [Theory]
    [InlineData("delete from orders\n\twhere id = 'Müller'", "delete from orders\n\twhere id = 'Müller'")]
    [InlineData("-- fine\rdrop table t", "-- fine⟨U+000D⟩drop table t")]
    [InlineData("select 'a\u202eb\u2066c'", "select 'a⟨U+202E⟩b⟨U+2066⟩c'")]
    [InlineData("or\u200bders", "or⟨U+200B⟩ders")]
    [InlineData("\u043erders", "⟨U+043E⟩rders")]
    [InlineData("e\u0301\u00a0\u00ad", "e⟨U+0301⟩⟨U+00A0⟩⟨U+00AD⟩")]
    [InlineData("\U000e0041", "⟨U+E0041⟩")]
    [InlineData("⟨U+0041⟩", "⟨U+27E8⟩U+0041⟨U+27E9⟩")]
    public void What_hides_reorders_or_looks_like_something_else_is_spelled_out(string text, string shown) => Assert.Equal(shown, ShownText.Of(text));

    [Fact]
    public void Half_a_character_is_spelled_out() => Assert.Equal("⟨U+D800⟩x", ShownText.Of(string.Concat((char)0xd800, 'x')));

    [Fact]
    public void Two_texts_that_differ_never_look_alike()
    {
        string[] texts = ["a", "а", "ａ", "a\u200d", "a\u0000", "a\u0001", "⟨U+0001⟩", "\u0001", "a ", "a\u00a0", "a\u2003"];
        Assert.Equal(texts.Length, texts.Select(ShownText.Of).Distinct(StringComparer.Ordinal).Count());
    }
}

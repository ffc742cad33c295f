using AccessPlane.Contracts;
using Xunit;

namespace AccessPlane.Tests.Unit.Contracts;

/// <summary>What a log can keep as it is: PostgreSQL's jsonb has no NUL and no half characters, and whole numbers stay what they are.</summary>
public sealed class StorableTextTests
{
    [Theory]
    [InlineData("""{"a":"b","c":[1,-2,null,true],"d":{"e":""}}""")]
    [InlineData("""{"a":"\ud83d\ude00 \\u0000 \"quoted\" \n"}""")]
    [InlineData("{\"a\":\"\ud83d\ude00\"}")]
    [InlineData("""{"n":9223372036854775807}""")]
    public void Whole_texts_and_whole_numbers_are_kept(string json) => Assert.True(StorableText.CanKeep(json));

    [Theory]
    [InlineData("""{"a":"b\u0000"}""")]
    [InlineData("""{"a\u0000":1}""")]
    [InlineData("""{"a":["\ud83d"]}""")]
    [InlineData("""{"a":"\ude00\ud83d"}""")]
    [InlineData("""{"n":9223372036854775808}""")]
    [InlineData("""{"n":1.5}""")]
    [InlineData("""{"n":1e2}""")]
    [InlineData("""{"a":"b\q"}""")]
    [InlineData("""{"a":""")]
    public void Half_characters_no_characters_other_numbers_and_what_is_no_json_are_not(string json) => Assert.False(StorableText.CanKeep(json));

    [Fact]
    public void Nor_is_half_a_character_that_is_written_as_it_is() => Assert.False(StorableText.CanKeep($$"""{"a":"{{'\ud83d'}}"}"""));
}

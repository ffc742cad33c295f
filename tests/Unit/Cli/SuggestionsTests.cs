using AccessPlane.Cli.Shell;
using AccessPlane.Cli.Terminal;
using Xunit;

namespace AccessPlane.Tests.Unit.Cli;

/// <summary>What shells are told could come next; where it is nothing, they offer files.</summary>
public sealed class SuggestionsTests : IDisposable
{
    private readonly Around around = new();

    public void Dispose() => around.Dispose();

    private async Task<string[]> Next(string line, string directive = "[suggest]")
    {
        Assert.Equal(Exit.Ok, await around.Run(directive, line));
        return around.Out.ToString().Split('\n', StringSplitOptions.RemoveEmptyEntries);
    }

    [Fact]
    public async Task What_could_come_first_is_every_command() =>
        Assert.Equal(Commands.Root().Subcommands.Select(c => c.Name).Order(StringComparer.Ordinal), (await Next("accessplane ")).Order(StringComparer.Ordinal));

    [Theory]
    [InlineData("accessplane policy wh", "what-if")]
    [InlineData("accessplane policy ", "diff publish show validate what-if")]
    [InlineData("accessplane completion ", "bash fish zsh")]
    [InlineData("/usr/local/bin/accessplane po", "policy")]
    public async Task What_could_come_next_is_answered(string line, string expected) => Assert.Equal(expected, string.Join(' ', await Next(line)));

    [Theory]
    [InlineData("accessplane requests --json --mine --aw", "--awaiting-me")]
    [InlineData("accessplane --json po", "policy")]
    [InlineData("accessplane policy --json wh", "what-if")]
    public async Task Behind_a_flag_goes_on_what_goes_on_without_it(string line, string expected) => Assert.Equal(expected, string.Join(' ', await Next(line)));

    [Theory]
    [InlineData("accessplane policy validate ")]
    [InlineData("accessplane policy validate /")]
    [InlineData("accessplane evidence verify ")]
    [InlineData("accessplane grants --token-file ")]
    public async Task Where_a_file_is_meant_nothing_stands_before_the_files(string line) => Assert.Empty(await Next(line));

    [Theory]
    [InlineData("accessplane exec orders -- ")]
    [InlineData("accessplane exec orders -- psql -")]
    [InlineData("accessplane connect orders -- --")]
    public async Task Another_programs_arguments_are_not_guessed(string line) => Assert.Empty(await Next(line));

    [Theory]
    [InlineData("accessplane evidence verify --", "--checkpoints")]
    [InlineData("accessplane evidence verify pack.json ", "--checkpoints")]
    [InlineData("accessplane request ", "--reason")]
    public async Task Options_are_offered_where_one_is_begun_or_nothing_else_is_to_be_had(string line, string among)
    {
        var next = await Next(line);
        Assert.Contains(among, next);
        Assert.All(next, n => Assert.StartsWith("-", n, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("[suggest:14]", "accessplane po validate draft.yaml")]
    [InlineData("[suggest:999]", "accessplane po")]
    [InlineData("[suggest:]", "accessplane po")]
    public async Task What_counts_is_what_stands_before_the_cursor(string directive, string line) => Assert.Equal(["policy"], await Next(line, directive));

    /// <summary>As help is asked for elsewhere, with `/h`.</summary>
    [Fact]
    public async Task What_begins_with_a_slash_is_a_path()
    {
        around.Variables["ACCESSPLANE_TOKEN"] = "of somebody";
        Assert.Equal(Exit.Usage, await around.Run("policy", "validate", "/h", "--url", "https://accessplane.example"));
        Assert.Contains("`/h` cannot be read", around.Error.ToString(), StringComparison.Ordinal);
    }
}

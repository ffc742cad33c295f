using System.Text.RegularExpressions;
using AccessPlane.Tests.EndToEnd.World;

namespace AccessPlane.Tests.EndToEnd.Cli;

/// <summary>Scripts are written by what the first page says of exit codes.</summary>
public sealed partial class ExitCodeTests(TestWorld world)
{
    [Fact]
    public async Task The_first_page_names_those_that_the_help_names()
    {
        var help = Codes(Helps().Match((await CommandLine.As(world, "engineer", "--help")).With(0).Out));
        Assert.NotEmpty(help);
        Assert.Equal(help, Codes(Pages().Match(DocsPage.Of("README.md").Text)));
    }

    private static List<string> Codes(Match paragraph) => [.. Number().Matches(paragraph.Groups["codes"].Value).Select(m => m.Value)];

    [GeneratedRegex(@"exit codes: (?<codes>[^;]+);", RegexOptions.NonBacktracking)]
    private static partial Regex Helps();

    [GeneratedRegex(@"It ends with (?<codes>0,[^;]+);", RegexOptions.NonBacktracking)]
    private static partial Regex Pages();

    [GeneratedRegex(@"\b\d+\b", RegexOptions.NonBacktracking)]
    private static partial Regex Number();
}

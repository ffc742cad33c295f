using System.Text.RegularExpressions;

namespace AccessPlane.Tests.EndToEnd.World;

/// <summary>A fenced block, and what the comment before it says of it.</summary>
internal sealed record DocsBlock(string Page, int Line, string Language, string Mark, string Text);

/// <summary>A page of the documentation, or the first page.</summary>
internal sealed partial class DocsPage
{
    private DocsPage(string name) => (Name, Text, Blocks) = (name, File.ReadAllText($"{TestWorld.Root}/{name}"), [.. BlocksOf(name, File.ReadAllLines($"{TestWorld.Root}/{name}"))]);

    public string Name { get; }
    public string Text { get; }
    public IReadOnlyList<DocsBlock> Blocks { get; }

    /// <summary>Those below docs/.</summary>
    public static IReadOnlyList<DocsPage> All { get; } =
        [.. Directory.EnumerateFiles($"{TestWorld.Root}/docs", "*.md", SearchOption.AllDirectories).Order(StringComparer.Ordinal).Select(f => Of(Path.GetRelativePath(TestWorld.Root, f)))];

    public static DocsPage Of(string name) => new(name);

    private static IEnumerable<DocsBlock> BlocksOf(string page, string[] lines)
    {
        var mark = "";
        for (var i = 0; i < lines.Length; i++)
        {
            var line = lines[i].Trim();
            if (line.StartsWith("```", StringComparison.Ordinal))
            {
                // in a list a block is as far to the right as the list's text
                var (at, indent) = (i + 1, lines[i].Length - lines[i].TrimStart().Length);
                for (i++; lines[i].Trim() != "```"; i++)
                {
                }
                yield return new DocsBlock(page, at, line[3..], mark, string.Concat(lines[at..i].Select(l => (l.Length > indent ? l[indent..] : "") + "\n")));
                mark = "";
            }
            else if (Comment().Match(line) is { Success: true } comment)
            {
                mark = comment.Groups["mark"].Value;
            }
            else if (line.Length > 0)
            {
                mark = "";
            }
        }
    }

    [GeneratedRegex("^<!-- (?<mark>.+) -->$", RegexOptions.NonBacktracking)]
    private static partial Regex Comment();
}

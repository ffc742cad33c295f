using System.Text;
using System.Text.RegularExpressions;
using AccessPlane.Contracts;

namespace AccessPlane.Cli.Terminal;

/// <summary>Text that does nothing to a terminal but appear on it, whoever wrote it.</summary>
internal static partial class Printable
{
    /// <summary>Everything that hides, reorders, imitates or commands is spelled out as `⟨U+001B⟩`; what is spelled out already stays as it is.</summary>
    public static string Of(string? text) => text is null ? "" : ShownText.Of(text).Replace("⟨U+27E8⟩", "⟨", StringComparison.Ordinal).Replace("⟨U+27E9⟩", "⟩", StringComparison.Ordinal);

    /// <summary>On one line, cut where it is longer than <paramref name="most"/>.</summary>
    public static string Line(string? text, int most = int.MaxValue)
    {
        var line = Blanks().Replace(Of(text), " ").Trim();
        return line.Length <= most ? line : $"{line[..Math.Max(0, most - 3)]}...";
    }

    /// <summary>What JSON escapes anyway, and all that is not ASCII: the document says the same, and no terminal takes a part of it for a command.</summary>
    public static string Json(string json)
    {
        var escaped = new StringBuilder(json.Length);
        foreach (var c in json)
        {
            escaped.Append(c is >= ' ' and <= '~' or '\n' ? c.ToString() : $"\\u{(int)c:x4}");
        }
        return escaped.ToString();
    }

    [GeneratedRegex(@"\s+", RegexOptions.NonBacktracking)]
    private static partial Regex Blanks();
}

namespace AccessPlane.Contracts;

/// <summary>Two texts, line by line: what stayed, what went, what came.</summary>
public static class LineDiff
{
    /// <summary>Beyond this many comparisons what differs is shown as replaced: nobody reads it line by line.</summary>
    private const long Most = 4_000_000;

    /// <param name="Kind">` ` stayed, `-` went, `+` came.</param>
    /// <param name="Number">Of the line, in the text where it stands; from 1.</param>
    public sealed record Line(char Kind, int Number, string Text);

    public static IReadOnlyList<Line> Of(string before, string after)
    {
        var (a, b) = (Lines(before), Lines(after));
        var start = 0;
        while (start < a.Length && start < b.Length && a[start] == b[start])
        {
            start++;
        }
        var end = 0;
        while (end < a.Length - start && end < b.Length - start && a[^(end + 1)] == b[^(end + 1)])
        {
            end++;
        }
        var lines = new List<Line>();
        lines.AddRange(b.Take(start).Select((text, i) => new Line(' ', i + 1, text)));
        lines.AddRange(Middle(a[start..^end], b[start..^end], start));
        lines.AddRange(b.Skip(b.Length - end).Select((text, i) => new Line(' ', b.Length - end + i + 1, text)));
        return lines;
    }

    /// <summary>What changed, with so many lines around it; null stands for what is left out.</summary>
    public static IReadOnlyList<Line?> Around(IReadOnlyList<Line> lines, int context)
    {
        ArgumentNullException.ThrowIfNull(lines);
        var near = new bool[lines.Count];
        for (var i = 0; i < lines.Count; i++)
        {
            for (var j = Math.Max(0, i - context); lines[i].Kind != ' ' && j <= Math.Min(lines.Count - 1, i + context); j++)
            {
                near[j] = true;
            }
        }
        var shown = new List<Line?>();
        for (var i = 0; i < lines.Count; i++)
        {
            if (near[i])
            {
                shown.Add(lines[i]);
            }
            else if (shown is not [.., null])
            {
                shown.Add(null);
            }
        }
        return shown;
    }

    /// <summary>The longest common subsequence, by its table.</summary>
    private static List<Line> Middle(string[] a, string[] b, int offset)
    {
        if ((long)a.Length * b.Length > Most)
        {
            return [.. a.Select((text, i) => new Line('-', offset + i + 1, text)), .. b.Select((text, i) => new Line('+', offset + i + 1, text))];
        }
        var common = new int[a.Length + 1, b.Length + 1];
        for (var i = a.Length - 1; i >= 0; i--)
        {
            for (var j = b.Length - 1; j >= 0; j--)
            {
                common[i, j] = a[i] == b[j] ? common[i + 1, j + 1] + 1 : Math.Max(common[i + 1, j], common[i, j + 1]);
            }
        }
        var lines = new List<Line>();
        var (x, y) = (0, 0);
        while (x < a.Length || y < b.Length)
        {
            if (x < a.Length && y < b.Length && a[x] == b[y])
            {
                lines.Add(new Line(' ', offset + ++y, b[y - 1]));
                x++;
            }
            else if (x < a.Length && (y == b.Length || common[x + 1, y] >= common[x, y + 1]))
            {
                lines.Add(new Line('-', offset + ++x, a[x - 1]));
            }
            else
            {
                lines.Add(new Line('+', offset + ++y, b[y - 1]));
            }
        }
        return lines;
    }

    private static string[] Lines(string text) => text.ReplaceLineEndings("\n").TrimEnd('\n').Split('\n');
}

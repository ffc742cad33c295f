namespace AccessPlane.Contracts.Policy;

/// <summary>
/// A pattern over dotted names as the catalog resolved them (`schema.relation`, `schema.relation.column`, `schema.function`). `*` stands for any
/// number of characters, dots too; everything else for itself, case and all. A pattern may leave out parts from the left: `salaries` is any schema's.
/// What is not certain matches, so that a rule cannot be got around by a name that nobody could resolve: `.salaries` is taken for any schema's, and
/// the whole row `hr.salaries.*` for each of its columns.
/// </summary>
public sealed class NamePattern
{
    public const int Longest = 256;

    /// <summary>Stands for the parts of a name that are not known. No identifier has it; one that had would match more, not less.</summary>
    private const char Any = '\uffff';

    private readonly string pattern;

    public NamePattern(string text)
    {
        Text = text ?? throw new ArgumentNullException(nameof(text));
        pattern = text.Replace('*', Any);
    }

    public string Text { get; }

    public bool Matches(string name)
    {
        ArgumentNullException.ThrowIfNull(name);
        var known = name.StartsWith('.') ? Any + name : name;
        known = known.EndsWith(".*", StringComparison.Ordinal) ? known[..^1] + Any : known;
        for (var rest = known.AsSpan(); ;)
        {
            if (Meet(pattern, rest))
            {
                return true;
            }
            var dot = rest.IndexOf('.');
            if (dot < 0)
            {
                return false;
            }
            rest = rest[(dot + 1)..];
        }
    }

    /// <summary>What is wrong with a pattern of names that have so many parts; null where nothing is.</summary>
    public static string? WhyNot(string text, int parts)
    {
        ArgumentNullException.ThrowIfNull(text);
        if (text.Length > Longest)
        {
            return $"a pattern is {Longest} characters long at most";
        }
        var given = text.Split('.');
        return given.Length > parts ? $"`{text}` has {given.Length} parts: such names have {parts}"
            : given.Any(p => p.Length == 0) ? $"`{text}` has an empty part: write `*` for any"
            : text.Any(c => char.IsControl(c) || c == Any) ? $"`{text}` has a character that no name has"
            : given.Any(p => p != p.Trim()) ? $"`{text}` has a blank at the edge of a part"
            : null;
    }

    /// <summary>Whether there is a name that both can stand for: row by row, which ends of the one can meet which of the other.</summary>
    private static bool Meet(ReadOnlySpan<char> one, ReadOnlySpan<char> other)
    {
        Span<bool> row = other.Length < 512 ? stackalloc bool[other.Length + 1] : new bool[other.Length + 1];
        row.Clear();
        row[0] = true;
        for (var j = 0; j < other.Length && other[j] == Any; j++)
        {
            row[j + 1] = true;
        }
        foreach (var c in one)
        {
            var diagonal = row[0];
            var alive = row[0] = row[0] && c == Any;
            for (var j = 0; j < other.Length; j++)
            {
                var above = row[j + 1];
                row[j + 1] =
                    c == Any ? above || row[j] // the pattern's star takes nothing, or what stands on the other side
                    : other[j] == Any ? row[j] || (above && c != '.') // what is not known of a name is within one part of it
                    : diagonal && c == other[j];
                alive |= row[j + 1];
                diagonal = above;
            }
            if (!alive)
            {
                return false;
            }
        }
        return row[^1];
    }
}

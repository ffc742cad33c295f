using System.Collections.Frozen;
using System.Text.RegularExpressions;
using AccessPlane.Contracts;

namespace AccessPlane.ControlPlane.Console;

/// <summary>
/// A statement for eyes: with every character spelled out that hides, reorders or imitates (<see cref="ShownText"/>), and those marked. The colours are for
/// reading only, by the looks of words: what it does is said by its facts.
/// </summary>
public static partial class SqlText
{
    private static readonly FrozenSet<string> Keywords = FrozenSet.Create(
        StringComparer.OrdinalIgnoreCase,
        "select", "from", "where", "insert", "into", "values", "update", "set", "delete", "begin", "commit", "rollback", "and", "or", "not", "null", "is", "in", "as", "on", "join",
        "left", "right", "inner", "outer", "full", "cross", "lateral", "group", "by", "order", "having", "limit", "offset", "union", "all", "except", "intersect", "with", "recursive",
        "create", "drop", "alter", "table", "view", "index", "schema", "role", "grant", "revoke", "truncate", "do", "execute", "prepare", "copy", "to", "explain", "analyze",
        "returning", "case", "when", "then", "else", "end", "exists", "between", "like", "ilike", "distinct", "using", "declare", "fetch", "close", "savepoint", "for", "if");

    /// <param name="shown">It comes from the API spelled out already.</param>
    public static IEnumerable<(string Kind, string Text)> Parts(string text, bool shown)
    {
        ArgumentNullException.ThrowIfNull(text);
        var spelled = shown ? text : ShownText.Of(text);
        var at = 0;
        foreach (var match in Token().Matches(spelled).Cast<Match>())
        {
            if (match.Index > at)
            {
                yield return ("", spelled[at..match.Index]);
            }
            var token = match.Value;
            at = match.Index + match.Length;
            if (token[0] is '\'' or '-' or '/')
            {
                // what is spelled out stands out inside of texts and comments most of all
                foreach (var part in Marks(token[0] == '\'' ? "text" : "comment", token))
                {
                    yield return part;
                }
                continue;
            }
            yield return (token[0] == '⟨' ? "mark" : char.IsAsciiDigit(token[0]) ? "number" : Keywords.Contains(token) ? "word" : "", token);
        }
        if (at < spelled.Length)
        {
            yield return ("", spelled[at..]);
        }
    }

    private static IEnumerable<(string, string)> Marks(string kind, string token)
    {
        var at = 0;
        foreach (var match in Mark().Matches(token).Cast<Match>())
        {
            if (match.Index > at)
            {
                yield return (kind, token[at..match.Index]);
            }
            yield return ("mark", match.Value);
            at = match.Index + match.Length;
        }
        if (at < token.Length)
        {
            yield return (kind, token[at..]);
        }
    }

    [GeneratedRegex(@"⟨U\+[0-9A-F]+⟩|'[^']*'?|--[^\n]*|/\*[^*]*\*?(?:[^/*][^*]*\*+)*/?|[A-Za-z_][A-Za-z_0-9$]*|[0-9]+(?:\.[0-9]+)?", RegexOptions.NonBacktracking)]
    private static partial Regex Token();

    [GeneratedRegex(@"⟨U\+[0-9A-F]+⟩", RegexOptions.NonBacktracking)]
    private static partial Regex Mark();
}

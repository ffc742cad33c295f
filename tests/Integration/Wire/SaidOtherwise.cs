using System.Text;
using System.Text.RegularExpressions;

namespace AccessPlane.Tests.Integration.Wire;

/// <summary>The same statements in other bytes, token by token: what stands in quotes stays as it is, but for code in dollar quotes. Byte for character, so
/// that no encoding is lost.</summary>
internal static partial class SaidOtherwise
{
    [GeneratedRegex("""
        (?<space>[ \t\r\n\f]+)
        | --[^\r\n]*
        | /\*(?>[^*/]+|\*(?!/)|/(?!\*)|(?<deep>/\*)|(?<-deep>\*/))*\*/
        | [eE]'(?:[^'\\]|''|\\.)*' | '(?:[^']|'')*' | "(?:[^"]|"")*"
        | (?<quote>\$(?:[A-Za-z_\x80-\xff][\w]*)?\$)(?<code>.*?)\k<quote>
        | (?<word>[A-Za-z_\x80-\xff][\w$\x80-\xff]*)
        | .
        """, RegexOptions.Singleline | RegexOptions.IgnorePatternWhitespace, 2000)]
    private static partial Regex Token();

    [GeneratedRegex(@"^\s*(do|create\s+(or\s+replace\s+)?(function|procedure))\b", RegexOptions.IgnoreCase)]
    private static partial Regex IsCode();

    /// <param name="way">Has `letters`, `comments` or `wide` in it: which of them is done.</param>
    public static byte[] Of(byte[] text, string way) => Encoding.Latin1.GetBytes(Of(Encoding.Latin1.GetString(text), way));

    public static string Of(string sql, string way)
    {
        var (letters, comments, wide) = (Has("letters"), Has("comments"), Has("wide"));
        return letters || comments || wide ? Token().Replace(sql, Other) : sql;

        bool Has(string what) => way.Contains(what, StringComparison.Ordinal);

        string Other(Match token)
        {
            if (token.Groups["word"].Success)
            {
                return letters ? string.Concat(token.Value.Select((c, i) => !char.IsAscii(c) ? c : i % 2 == 0 ? char.ToUpperInvariant(c) : char.ToLowerInvariant(c))) : token.Value;
            }
            if (token.Groups["code"].Success)
            {
                return IsCode().IsMatch(sql) ? $"{token.Groups["quote"].Value}{Of(token.Groups["code"].Value, way)}{token.Groups["quote"].Value}" : token.Value;
            }
            // a line's end between two texts makes one of them, and a comment in the wrong place behind the first does not
            return !token.Groups["space"].Success || (comments && token.Index > 0 && sql[token.Index - 1] == '\'') ? token.Value
                : token.Value.AsSpan().ContainsAny('\n', '\r') ? comments ? $"{token.Value}-- drop ' \r" : wide ? $"\f{token.Value}\t\r\n" : token.Value
                : comments ? "/*/* x ' */ ; */-- drop $$ \r" : wide ? " \t\f  " : token.Value;
        }
    }
}

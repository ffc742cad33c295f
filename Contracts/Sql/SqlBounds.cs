using System.Text;

namespace AccessPlane.Contracts.Sql;

/// <summary>
/// A cheap look at a text before a real parser may see it: how many tokens it has, and how deep its tree can become at most.
/// The native parser's recursion ends the whole process on `SELECT 1+1+1…`, so the bound must never be too low; it may be too high.
/// </summary>
/// <param name="Depth">
/// No tree of this text is deeper. Commas separate siblings, everything else may chain: within one pair of brackets the longest run
/// between commas counts, what stands in inner brackets adds to the run around it, and set operations chain across commas.
/// </param>
public readonly record struct SqlBounds(int Tokens, int Depth)
{
    /// <summary>Bytes; what is longer is refused unread.</summary>
    public const int MaxText = 1024 * 1024;
    public const int MaxTokens = 400_000;

    /// <summary>Proven by tests to be far from the end of a <see cref="ParserStack"/>-sized stack, for every construct that nests or chains.</summary>
    public const int MaxDepth = 40_000;
    public const int ParserStack = 64 * 1024 * 1024;

    /// <summary>What may nest in a body of PL/pgSQL, at most: its semicolons do not end what is open.</summary>
    public const int MaxBlocks = 1000;

    /// <summary>What any thread's stack can take.</summary>
    public bool Small => Tokens <= 300;

    /// <summary>Why the text is too big to be read; null when it may be.</summary>
    public string? WhyTooBig =>
        Tokens > MaxTokens ? $"it has more than {MaxTokens:N0} tokens" :
        Depth > MaxDepth ? $"it nests or chains more than {MaxDepth:N0} expressions" : null;

    public static SqlBounds Of(ReadOnlySpan<byte> text)
    {
        var scan = new Scan(text);
        return scan.Run();
    }

    /// <summary>How often a body of PL/pgSQL opens something that nests, at most: words in strings and comments count too.</summary>
    public static int BlocksIn(ReadOnlySpan<byte> text)
    {
        var count = 0;
        for (var i = 0; i < text.Length; i++)
        {
            var start = i;
            while (i < text.Length && char.IsAsciiLetter((char)text[i]))
            {
                i++;
            }
            var word = text[start..i];
            count += Ascii.EqualsIgnoreCase(word, "begin"u8) || Ascii.EqualsIgnoreCase(word, "loop"u8) || Ascii.EqualsIgnoreCase(word, "if"u8) ||
                Ascii.EqualsIgnoreCase(word, "case"u8) || Ascii.EqualsIgnoreCase(word, "declare"u8) ? 1 : 0;
        }
        return count;
    }

    private ref struct Scan(ReadOnlySpan<byte> text)
    {
        private readonly ReadOnlySpan<byte> text = text;
        private readonly Stack<(int Run, int Longest, int SetOperations)> outer = new();
        private int at;
        private int tokens;
        private int run;
        private int longest;
        private int setOperations;

        /// <summary>From here on nothing is taken for a string or a comment any more: the text plays with the lexer's corners, and reading code as text would count too little.</summary>
        private bool countAll;

        public SqlBounds Run()
        {
            while (at < text.Length)
            {
                if (countAll || !SkipQuoted())
                {
                    Token();
                }
            }
            while (outer.Count > 0)
            {
                Close();
            }
            return new SqlBounds(tokens, Math.Max(run, longest) + setOperations);
        }

        private void Token()
        {
            var c = text[at];
            if (c is (byte)' ' or (byte)'\t' or (byte)'\n' or (byte)'\r' or (byte)'\f' or (byte)'\v')
            {
                at++;
                return;
            }
            tokens++;
            if (IsWord(c))
            {
                Word();
                return;
            }
            at++;
            switch (c)
            {
                case (byte)'(' or (byte)'[':
                    outer.Push((run + 1, longest, setOperations));
                    (run, longest, setOperations) = (0, 0, 0);
                    break;
                case (byte)')' or (byte)']' when outer.Count > 0:
                    Close();
                    break;
                case (byte)',' or (byte)';':
                    (run, longest) = (0, Math.Max(run, longest));
                    break;
                default:
                    run++;
                    break;
            }
        }

        private void Word()
        {
            var start = at;
            while (at < text.Length && (IsWord(text[at]) || (!countAll && text[at] == '$')))
            {
                at++;
            }
            run++;
            var word = text[start..at];
            if (Ascii.EqualsIgnoreCase(word, "union"u8) || Ascii.EqualsIgnoreCase(word, "intersect"u8) || Ascii.EqualsIgnoreCase(word, "except"u8))
            {
                setOperations++;
            }
        }

        private void Close()
        {
            var inner = Math.Max(run, longest) + setOperations;
            (run, longest, setOperations) = outer.Pop();
            run += inner;
        }

        private bool SkipQuoted()
        {
            var rest = text[at..];
            var c = rest[0];
            if (rest.StartsWith("--"u8))
            {
                var end = rest.IndexOfAny((byte)'\n', (byte)'\r');
                at = end < 0 ? text.Length : at + end;
                return true;
            }
            if (rest.StartsWith("/*"u8))
            {
                return SkipComment();
            }
            if (c is (byte)'\'' or (byte)'"')
            {
                return Skip(1 + EndOf(rest[1..], c));
            }
            if (c is (byte)'e' or (byte)'E' && rest.Length > 1 && rest[1] == '\'')
            {
                return SkipEscaped();
            }
            return c == '$' && SkipDollar(rest);
        }

        private bool Skip(int bytes)
        {
            at = Math.Min(text.Length, at + bytes);
            tokens++;
            run++;
            return true;
        }

        private static int EndOf(ReadOnlySpan<byte> rest, byte quote)
        {
            var end = rest.IndexOf(quote);
            return end < 0 ? rest.Length : end + 1;
        }

        /// <summary>`E'…'`: a backslash takes the next byte with it. Where another string follows, it may continue this one, with the same rules: read no further.</summary>
        private bool SkipEscaped()
        {
            var i = at + 2;
            while (i < text.Length && text[i] != '\'')
            {
                i += text[i] == '\\' ? 2 : 1;
            }
            Skip(i + 1 - at);
            var next = text[at..].TrimStart(" \t\n\r\f\v"u8);
            countAll = next.StartsWith("'"u8) || next.StartsWith("--"u8) || next.StartsWith("/*"u8);
            return true;
        }

        private bool SkipComment()
        {
            var depth = 0;
            for (var i = at; i < text.Length; i++)
            {
                var pair = text[i..];
                if (pair.StartsWith("/*"u8))
                {
                    depth++;
                    i++;
                }
                else if (pair.StartsWith("*/"u8))
                {
                    i++;
                    if (--depth == 0)
                    {
                        at = i + 1;
                        return true;
                    }
                }
            }
            at = text.Length;
            return true;
        }

        private bool SkipDollar(ReadOnlySpan<byte> rest)
        {
            var end = 1;
            while (end < rest.Length && IsWord(rest[end]))
            {
                end++;
            }
            if (end >= rest.Length || rest[end] != '$' || (end > 1 && char.IsAsciiDigit((char)rest[1])))
            {
                return false;
            }
            var tag = rest[..(end + 1)];
            var close = rest[tag.Length..].IndexOf(tag);
            return Skip(close < 0 ? rest.Length : close + (2 * tag.Length));
        }

        private static bool IsWord(byte c) => char.IsAsciiLetterOrDigit((char)c) || c == '_' || c >= 0x80;
    }
}

namespace AccessPlane.Contracts.Masking;

/// <summary>The text of a definition (a constraint, a view, a default) with its literals blanked in place: what a table is made of shows, data in it does not.</summary>
public static class Literals
{
    private const int LongestNumber = 3;

    /// <summary>What stands in quotes and every longer number becomes stars and zeros, so that the text keeps its length.</summary>
    public static void Blank(Span<byte> text)
    {
        for (var i = 0; i < text.Length; i++)
        {
            var c = text[i];
            if (c == '\'')
            {
                i = BlankQuoted(text, i + 1);
            }
            else if (c == '"')
            {
                var end = text[(i + 1)..].IndexOf((byte)'"');
                i = end < 0 ? text.Length : i + 1 + end;
            }
            else if (char.IsAsciiDigit((char)c))
            {
                i = BlankNumber(text, i) - 1;
            }
            else if (IsWord(c))
            {
                while (i + 1 < text.Length && IsWord(text[i + 1]))
                {
                    i++;
                }
            }
        }
    }

    /// <returns>Where the closing quote is; a doubled one is part of the text.</returns>
    private static int BlankQuoted(Span<byte> text, int i)
    {
        for (; i < text.Length; i++)
        {
            if (text[i] == '\'')
            {
                if (i + 1 == text.Length || text[i + 1] != '\'')
                {
                    return i;
                }
                text[i++] = (byte)'*';
            }
            text[i] = (byte)'*';
        }
        return i;
    }

    private static int BlankNumber(Span<byte> text, int start)
    {
        var end = start;
        while (end < text.Length && (char.IsAsciiDigit((char)text[end]) || text[end] == '.'))
        {
            end++;
        }
        if (end - start > LongestNumber)
        {
            for (var i = start; i < end; i++)
            {
                text[i] = text[i] == '.' ? (byte)'.' : (byte)'0';
            }
        }
        return end;
    }

    private static bool IsWord(byte c) => char.IsAsciiLetterOrDigit((char)c) || c == '_' || c >= 0x80;
}

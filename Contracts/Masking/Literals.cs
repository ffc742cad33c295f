using System.Buffers.Binary;

namespace AccessPlane.Contracts.Masking;

/// <summary>Whether a text says what something is made of.</summary>
public enum DefinitionText
{
    None,

    /// <summary>As the server prints it.</summary>
    Whole,

    /// <summary>Double quotes were taken off its ends.</summary>
    Trimmed,
}

/// <summary>
/// The text of a definition (a constraint, a view, a default) with its literals blanked in place: what a table is made of shows, data in it does not.
/// </summary>
public static class Literals
{
    /// <summary>Texts and numbers of up to so many bytes and digits stay: lengths, codes and flags, which tell nobody from others.</summary>
    private const int Longest = 3;

    /// <summary>What stands in quotes and every number becomes stars and zeros, unless it is short, so that the text keeps its length.</summary>
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

    /// <summary>
    /// The same of a text that double quotes were taken off. Without any left, it was one name in quotes or had none at its ends; with some, what is
    /// inside and outside of quotes cannot be told any more, and nothing shows.
    /// </summary>
    public static void BlankTrimmed(Span<byte> text)
    {
        if (text.Contains((byte)'"'))
        {
            text.Fill((byte)'*');
        }
        else
        {
            Blank(text);
        }
    }

    /// <summary>The same of every element of an array of texts, as the server sends it.</summary>
    public static void BlankArray(Span<byte> array, bool isBinary)
    {
        if (!(isBinary ? BlankBinary(array) : BlankElements(array)))
        {
            array.Fill((byte)'*'); // no array that is known here
        }
    }

    private static bool BlankBinary(Span<byte> array)
    {
        const int header = 12, ofDimension = 8;
        if (array.Length < header || BinaryPrimitives.ReadInt32BigEndian(array) is not (>= 0 and <= 6 and var dimensions))
        {
            return false;
        }
        for (var at = header + (dimensions * ofDimension); at != array.Length;)
        {
            if (at > array.Length - 4)
            {
                return false;
            }
            var length = BinaryPrimitives.ReadInt32BigEndian(array[at..]);
            at += 4;
            if (length < -1 || length > array.Length - at)
            {
                return false;
            }
            Blank(array.Slice(at, Math.Max(0, length)));
            at += Math.Max(0, length);
        }
        return true;
    }

    /// <summary>`{one,"the \"second\" one",NULL}`: elements are read without their quotes and backslashes, which would look like a definition's own.</summary>
    private static bool BlankElements(Span<byte> array)
    {
        if (array.IsEmpty || array[0] != '{')
        {
            return false;
        }
        var places = new List<int>();
        for (var at = 1; at < array.Length; at++)
        {
            if (array[at] is (byte)'{' or (byte)'}' or (byte)',')
            {
                continue;
            }
            places.Clear();
            var isQuoted = array[at] == '"';
            for (at += isQuoted ? 1 : 0; at < array.Length && !(isQuoted ? array[at] == '"' : array[at] is (byte)',' or (byte)'}'); at++)
            {
                at += isQuoted && array[at] == '\\' ? 1 : 0;
                places.Add(at);
            }
            if (at >= array.Length)
            {
                return false;
            }
            BlankAt(array, places);
        }
        return true;
    }

    private static void BlankAt(Span<byte> array, List<int> places)
    {
        var element = new byte[places.Count];
        for (var i = 0; i < element.Length; i++)
        {
            element[i] = array[places[i]];
        }
        Blank(element);
        for (var i = 0; i < element.Length; i++)
        {
            var place = places[i];
            if (array[place] == element[i])
            {
                continue;
            }
            array[place] = element[i];
            if (i > 0 ? place - places[i - 1] == 2 : array[place - 1] == '\\')
            {
                array[place - 1] = (byte)'*'; // its backslash
            }
        }
    }

    /// <returns>Where the closing quote is; a doubled one is part of the text.</returns>
    private static int BlankQuoted(Span<byte> text, int start)
    {
        var end = start;
        while (end < text.Length && (text[end] != '\'' || (end + 1 < text.Length && text[end + 1] == '\'')))
        {
            end += text[end] == '\'' ? 2 : 1;
        }
        if (end - start > Longest)
        {
            text[start..end].Fill((byte)'*');
        }
        return end;
    }

    private static int BlankNumber(Span<byte> text, int start)
    {
        var end = start;
        while (end < text.Length && (char.IsAsciiDigit((char)text[end]) || text[end] == '.'))
        {
            end++;
        }
        if (end - start > Longest)
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

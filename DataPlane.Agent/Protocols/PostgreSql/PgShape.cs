using System.Buffers;
using System.Text;

namespace AccessPlane.Agent.Protocols.PostgreSql;

/// <summary>
/// A text without its numbers: programs that write values into their texts send one shape again and again. Two texts of one shape have the same tokens
/// but for the values of some integers, and so the same tree but for these and for where things stand.
/// INVARIANT: what is left out is a whole integer token of PostgreSQL's grammar, between one and 999,999,999. What could make digits part of another
/// token (quotes, comments, dollars, backslashes, points, letters) keeps them as they are, or leaves the text without a shape; and so does `float`,
/// the one word whose number the grammar itself makes different trees of.
/// </summary>
internal static class PgShape
{
    public const int Longest = 1024;

    /// <summary>Stands for a number: no other byte outside quotes can be it.</summary>
    private const byte Number = 1;

    private const int MostDigits = 9;

    private static readonly SearchValues<byte> Words = SearchValues.Create("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789"u8);
    private static readonly SearchValues<byte> Plain = SearchValues.Create(" \t\r\n()[],;:.*=<>!+-/%&|^~#?@"u8);
    private static readonly SearchValues<byte> Digits = SearchValues.Create("0123456789"u8);
    private static readonly SearchValues<byte> Zeros = SearchValues.Create("0"u8);

    /// <returns>Its length in <paramref name="shape"/>; 0 for none, and where it would be the text itself.</returns>
    public static int Of(ReadOnlySpan<byte> text, Span<byte> shape)
    {
        if (text.Length > shape.Length || text.IndexOf("--"u8) >= 0 || text.IndexOf("/*"u8) >= 0)
        {
            return 0;
        }
        var (at, length, numbers) = (0, 0, 0);
        while (at < text.Length)
        {
            var rest = text[at..];
            var first = rest[0];
            int taken;
            if (first is (byte)'\'' or (byte)'"')
            {
                taken = rest[1..].IndexOf(first) + 2; // a doubled quote begins another such piece
                if (taken < 2 || rest[..taken].Contains((byte)'\\'))
                {
                    return 0;
                }
            }
            else if (Words.Contains(first))
            {
                taken = rest.IndexOfAnyExcept(Words) is var end and >= 0 ? end : rest.Length;
                if (Ascii.EqualsIgnoreCase(rest[..taken], "float"u8))
                {
                    return 0;
                }
                if (IsNumber(rest[..taken]) && Stands(text, at, at + taken))
                {
                    shape[length++] = Number;
                    numbers++;
                    at += taken;
                    continue;
                }
            }
            else if (Plain.Contains(first))
            {
                taken = 1;
            }
            else
            {
                return 0;
            }
            rest[..taken].CopyTo(shape[length..]);
            length += taken;
            at += taken;
        }
        return numbers > 0 ? length : 0;
    }

    /// <summary>Zero is none: a tree does not say it as it says others.</summary>
    private static bool IsNumber(ReadOnlySpan<byte> word) =>
        word.Length <= MostDigits && !word.ContainsAnyExcept(Digits) && word.ContainsAnyExcept(Zeros);

    /// <summary>Neither a point nor a quote makes something else of it.</summary>
    private static bool Stands(ReadOnlySpan<byte> text, int start, int end) =>
        (start == 0 || Plain.Contains(text[start - 1]) && text[start - 1] != '.') && (end == text.Length || Plain.Contains(text[end]) && text[end] != '.');
}

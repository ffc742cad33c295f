using System.Text;
using AccessPlane.Contracts.Sql;

namespace AccessPlane.Agent.Protocols.PostgreSql;

/// <summary>
/// Puts the views that a session reads in the place of the relations that its text names with their schema. Comfort: the login has no privilege on
/// those relations, so that a name which is not found here leads to the server's refusal, never to a value.
/// </summary>
internal static class PgRenaming
{
    /// <param name="schemaOf">The schema that a relation is read from instead, by `schema.relation`.</param>
    /// <returns>The text as it is to be sent; the very one that came where nothing in it is named otherwise.</returns>
    public static byte[] Apply(byte[] text, IReadOnlyList<QualifiedName>? names, IReadOnlyDictionary<string, string> schemaOf)
    {
        List<(int At, int Length, byte[] Instead)>? places = null;
        for (var i = 0; i < (names?.Count ?? 0); i++)
        {
            var name = names![i];
            if (schemaOf.TryGetValue($"{name.Schema}.{name.Relation}", out var instead) && LengthOf(text, name) is > 0 and var length)
            {
                (places ??= []).Add((name.At, length, Quoted(instead)));
            }
        }
        return places is null ? text : Put(text, places);
    }

    /// <summary>Where a character of the text as it was sent stands in the text as it came; both from 1, as the server counts them.</summary>
    public static int Original(ReadOnlySpan<byte> came, ReadOnlySpan<byte> sent, int position)
    {
        // both are the same up to the first difference; behind a name that was put in, what is left is counted from the end
        var same = came.CommonPrefixLength(sent);
        var at = BytesOf(sent, position);
        if (at <= same)
        {
            return position;
        }
        var fromEnd = sent.Length - at;
        return fromEnd <= came.Length ? Characters(came[..(came.Length - fromEnd)]) + 1 : position;
    }

    private static byte[] Put(byte[] text, List<(int At, int Length, byte[] Instead)> places)
    {
        var written = new MemoryStream(text.Length + (places.Count * 32));
        var done = 0;
        foreach (var (at, length, instead) in places.OrderBy(p => p.At))
        {
            if (at < done)
            {
                continue;
            }
            written.Write(text, done, at - done);
            written.Write(instead);
            done = at + length;
        }
        written.Write(text, done, text.Length - done);
        return written.ToArray();
    }

    /// <summary>How long the schema's name is as it is written there; 0 where it is written in a way that is not read here (escapes, a database before it).</summary>
    private static int LengthOf(ReadOnlySpan<byte> text, in QualifiedName name)
    {
        var rest = name.At < text.Length ? text[name.At..] : default;
        var quoted = Quoted(name.Schema);
        if (rest.StartsWith(quoted))
        {
            return quoted.Length;
        }
        var plain = Encoding.UTF8.GetBytes(name.Schema);
        // unquoted, letters of ASCII in whatever case mean the lower one
        return rest.Length > plain.Length && Ascii.EqualsIgnoreCase(rest[..plain.Length], plain) && !IsPartOfName(rest[plain.Length]) ? plain.Length : 0;
    }

    private static bool IsPartOfName(byte next) => char.IsAsciiLetterOrDigit((char)next) || next is (byte)'_' or (byte)'$' or (byte)'&' or > 127;

    private static byte[] Quoted(string name) => Encoding.UTF8.GetBytes($"\"{name.Replace("\"", "\"\"", StringComparison.Ordinal)}\"");

    private static int Characters(ReadOnlySpan<byte> utf8)
    {
        var count = 0;
        foreach (var unit in utf8)
        {
            count += (unit & 0xC0) != 0x80 ? 1 : 0;
        }
        return count;
    }

    private static int BytesOf(ReadOnlySpan<byte> utf8, int position)
    {
        var seen = 0;
        for (var i = 0; i < utf8.Length; i++)
        {
            if ((utf8[i] & 0xC0) != 0x80 && ++seen == position)
            {
                return i;
            }
        }
        return utf8.Length;
    }
}

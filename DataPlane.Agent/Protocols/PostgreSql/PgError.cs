using System.Globalization;
using System.Text;

namespace AccessPlane.Agent.Protocols.PostgreSql;

/// <summary>ErrorResponse and NoticeResponse: fields of a letter and a text.</summary>
internal static class PgError
{
    public const string Refused = "42501"; // insufficient_privilege
    public const string Protocol = "08P01";
    public const string AuthorizationFailed = "28P01";
    public const string NotAuthorized = "28000";
    public const string Ended = "57P01";
    public const string TooMany = "53300";
    public const string CannotConnectNow = "57P03";
    public const string ConnectionFailure = "08006";
    public const string TooLarge = "54000";
    public const string LimitReached = "53400";
    public const string NotReady = "55000"; // object_not_in_prerequisite_state
    public const string NoRecord = "58030"; // io_error
    public const string NameTooLong = "42622";
    public const string NoStatement = "26000";
    public const string NoPortal = "34000";

    public static byte[] Of(string severity, string code, string message, string? detail = null, string? hint = null) =>
        Frame('E', severity, code, message, detail, hint);

    public static byte[] Fatal(string code, string message, string? hint = null) => Of("FATAL", code, message, null, hint);

    public static byte[] Notice(string message, string? detail = null, string? hint = null) => Frame('N', "NOTICE", "00000", message, detail, hint);

    private static byte[] Frame(char type, string severity, string code, string message, string? detail, string? hint)
    {
        using var body = new MemoryStream();
        Field(body, 'S', severity);
        Field(body, 'V', severity);
        Field(body, 'C', code);
        Field(body, 'M', message);
        Field(body, 'D', detail);
        Field(body, 'H', hint);
        body.WriteByte(0);
        return PgFrame.Of(type, body.ToArray());
    }

    private static void Field(MemoryStream body, char letter, string? text)
    {
        if (text is not null)
        {
            body.WriteByte((byte)letter);
            body.Write(Encoding.UTF8.GetBytes(text.Replace('\0', ' ')));
            body.WriteByte(0);
        }
    }

    /// <summary>A syntax error as the server would tell it: where in its own code is taken from another one of its syntax errors.</summary>
    public static byte[] SyntaxError(string message, int position, string? hint, ReadOnlySpan<byte> another)
    {
        using var body = new MemoryStream();
        Field(body, 'S', "ERROR");
        Field(body, 'V', "ERROR");
        Field(body, 'C', "42601");
        Field(body, 'M', message);
        Field(body, 'H', hint);
        Field(body, 'P', position > 0 ? position.ToString(CultureInfo.InvariantCulture) : null);
        foreach (var letter in "FLR")
        {
            var text = PgError.Field(another, letter);
            Field(body, letter, text.IsEmpty ? null : Encoding.UTF8.GetString(text));
        }
        body.WriteByte(0);
        return PgFrame.Of('E', body.ToArray());
    }

    /// <summary>The same error at another position of its text.</summary>
    public static byte[] At(ReadOnlySpan<byte> error, int position)
    {
        using var body = new MemoryStream();
        var reader = new PgReader(error);
        while (reader.Byte() is var letter && letter != 0 && !reader.Failed)
        {
            var text = reader.Text();
            Field(body, (char)letter, letter == 'P' ? position.ToString(CultureInfo.InvariantCulture) : Encoding.UTF8.GetString(text));
        }
        body.WriteByte(0);
        return PgFrame.Of('E', body.ToArray());
    }

    /// <summary>The same error with more behind its own detail and hint.</summary>
    public static byte[] With(ReadOnlySpan<byte> error, string detail, string hint)
    {
        using var body = new MemoryStream();
        var reader = new PgReader(error);
        while (reader.Byte() is var letter && letter != 0 && !reader.Failed)
        {
            var text = reader.Text();
            if (letter is not ((byte)'D' or (byte)'H'))
            {
                Field(body, (char)letter, Encoding.UTF8.GetString(text));
            }
        }
        Field(body, 'D', Joined(Field(error, 'D'), detail));
        Field(body, 'H', Joined(Field(error, 'H'), hint));
        body.WriteByte(0);
        return PgFrame.Of('E', body.ToArray());
    }

    private static string Joined(ReadOnlySpan<byte> first, string then) => first.IsEmpty ? then : $"{Encoding.UTF8.GetString(first)}\n{then}";

    /// <summary>Nothing of it is cut off.</summary>
    public static bool IsWhole(ReadOnlySpan<byte> error)
    {
        var reader = new PgReader(error);
        while (reader.Byte() != 0 && !reader.Failed)
        {
            reader.Text();
        }
        return reader.Exact;
    }

    /// <summary>One field of an error's body; empty where it has none. The body may be cut off.</summary>
    public static ReadOnlySpan<byte> Field(ReadOnlySpan<byte> body, char letter)
    {
        var reader = new PgReader(body);
        while (true)
        {
            var found = reader.Byte();
            var text = reader.Text();
            if (reader.Failed || found == 0)
            {
                return default;
            }
            if (found == letter)
            {
                return text;
            }
        }
    }

    public static bool IsFatal(ReadOnlySpan<byte> body)
    {
        var severity = Field(body, 'V');
        return severity.SequenceEqual("FATAL"u8) || severity.SequenceEqual("PANIC"u8);
    }
}

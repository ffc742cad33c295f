using System.Buffers.Binary;
using AccessPlane.Agent.Recording;

namespace AccessPlane.Agent.Protocols.PostgreSql;

// The client's messages, each with the one way to read it. https://www.postgresql.org/docs/15/protocol-message-formats.html
// A decoder consumes the body exactly or says that it cannot; what was decoded is forwarded as its original bytes.

internal readonly ref struct PgQuery(ReadOnlySpan<byte> text)
{
    public ReadOnlySpan<byte> Text { get; } = text;

    public static bool TryRead(ReadOnlySpan<byte> body, out PgQuery message)
    {
        var reader = new PgReader(body);
        message = new PgQuery(reader.Text());
        return reader.Exact;
    }
}

internal readonly ref struct PgParse(ReadOnlySpan<byte> name, ReadOnlySpan<byte> text, ReadOnlySpan<byte> types)
{
    public ReadOnlySpan<byte> Name { get; } = name;
    public ReadOnlySpan<byte> Text { get; } = text;

    /// <summary>The parameters' types: OIDs in wire form, 0 where the server shall find out.</summary>
    public ReadOnlySpan<byte> Types { get; } = types;

    public static bool TryRead(ReadOnlySpan<byte> body, out PgParse message)
    {
        var reader = new PgReader(body);
        message = new PgParse(reader.Text(), reader.Text(), reader.Bytes(reader.Count() * 4));
        return reader.Exact;
    }
}

internal readonly ref struct PgBind(ReadOnlySpan<byte> portal, ReadOnlySpan<byte> statement, BoundParameters parameters, int valuesAt)
{
    public ReadOnlySpan<byte> Portal { get; } = portal;
    public ReadOnlySpan<byte> Statement { get; } = statement;
    public BoundParameters Parameters { get; } = parameters;

    /// <summary>Where in the body the first value's length is.</summary>
    public int ValuesAt { get; } = valuesAt;

    public static bool TryRead(ReadOnlySpan<byte> body, out PgBind message)
    {
        var reader = new PgReader(body);
        var head = ReadHead(ref reader, out var formats, out var count);
        var at = body.Length - reader.Rest.Length;
        var values = reader.Rest;
        for (var i = 0; i < count && !reader.Failed; i++)
        {
            var length = reader.Int32();
            if (length != -1) // null
            {
                reader.Bytes(length);
            }
        }
        var used = values.Length - reader.Rest.Length;
        reader.Bytes(reader.Count() * 2); // the results' formats
        var exact = reader.Exact;
        message = new PgBind(head.Portal, head.Statement, exact ? new BoundParameters(count, formats, values[..used]) : default, at);
        return exact && FormatsFit(formats, count);
    }

    /// <summary>The part before the values, of a message too long to be held.</summary>
    public static bool TryReadHead(ReadOnlySpan<byte> start, out PgBind message, out int parameters)
    {
        var reader = new PgReader(start);
        var head = ReadHead(ref reader, out var formats, out parameters);
        message = new PgBind(head.Portal, head.Statement, default, start.Length - reader.Rest.Length);
        return !reader.Failed && FormatsFit(formats, parameters);
    }

    private static PgBind ReadHead(scoped ref PgReader reader, out ReadOnlySpan<byte> formats, out int count)
    {
        var portal = reader.Text();
        var statement = reader.Text();
        formats = reader.Bytes(reader.Count() * 2);
        count = reader.Count();
        return new PgBind(portal, statement, default, 0);
    }

    private static bool FormatsFit(ReadOnlySpan<byte> formats, int count)
    {
        for (var i = 0; i < formats.Length; i += 2)
        {
            if (BinaryPrimitives.ReadInt16BigEndian(formats[i..]) is not (0 or 1))
            {
                return false;
            }
        }
        return formats.Length is 0 or 2 || formats.Length == count * 2;
    }
}

/// <summary>Describe and Close: what kind of name, and the name.</summary>
internal readonly ref struct PgNamed(bool isPortal, ReadOnlySpan<byte> name)
{
    public bool IsPortal { get; } = isPortal;
    public ReadOnlySpan<byte> Name { get; } = name;

    public static bool TryRead(ReadOnlySpan<byte> body, out PgNamed message)
    {
        var reader = new PgReader(body);
        var kind = reader.Byte();
        message = new PgNamed(kind == 'P', reader.Text());
        return reader.Exact && kind is (byte)'P' or (byte)'S';
    }
}

internal readonly ref struct PgExecute(ReadOnlySpan<byte> portal, int most)
{
    public ReadOnlySpan<byte> Portal { get; } = portal;

    /// <summary>Rows to come back before the portal is suspended; 0 for all.</summary>
    public int Most { get; } = most;

    public static bool TryRead(ReadOnlySpan<byte> body, out PgExecute message)
    {
        var reader = new PgReader(body);
        message = new PgExecute(reader.Text(), reader.Int32());
        return reader.Exact;
    }
}

using System.Buffers.Binary;

namespace AccessPlane.Agent.Protocols.PostgreSql;

/// <summary>The body of one message, read field by field. Nothing can be read past its end; a reader that was asked for too much is <see cref="Failed"/> from then on.</summary>
internal ref struct PgReader(ReadOnlySpan<byte> body)
{
    private ReadOnlySpan<byte> rest = body;

    public bool Failed { get; private set; }

    /// <summary>Everything was read, and nothing more was asked for: no second meaning can hide behind the first.</summary>
    public readonly bool Exact => !Failed && rest.IsEmpty;

    public readonly ReadOnlySpan<byte> Rest => rest;

    public byte Byte()
    {
        var bytes = Bytes(1);
        return Failed ? (byte)0 : bytes[0];
    }

    /// <summary>An Int16 that counts something: PostgreSQL reads it without a sign.</summary>
    public int Count()
    {
        var bytes = Bytes(2);
        return Failed ? 0 : BinaryPrimitives.ReadUInt16BigEndian(bytes);
    }

    public int Int32()
    {
        var bytes = Bytes(4);
        return Failed ? 0 : BinaryPrimitives.ReadInt32BigEndian(bytes);
    }

    /// <summary>Bytes up to a NUL, which is consumed.</summary>
    public ReadOnlySpan<byte> Text()
    {
        var end = rest.IndexOf((byte)0);
        if (end < 0)
        {
            return Fail();
        }
        var text = rest[..end];
        rest = rest[(end + 1)..];
        return text;
    }

    public ReadOnlySpan<byte> Bytes(int count)
    {
        if (count < 0 || count > rest.Length)
        {
            return Fail();
        }
        var bytes = rest[..count];
        rest = rest[count..];
        return bytes;
    }

    private ReadOnlySpan<byte> Fail()
    {
        Failed = true;
        rest = default;
        return default;
    }
}

/// <summary>The frame around every message after the startup: a type byte, and a length that counts itself.</summary>
internal static class PgFrame
{
    public const int Header = 5;
    public const int MaxLength = 0x3fffffff; // 1 GiB, as PostgreSQL's own bound

    public static byte[] Flush { get; } = Of('H', []);

    public static int LengthAt(ReadOnlySpan<byte> frame) => BinaryPrimitives.ReadInt32BigEndian(frame[1..]);

    public static byte[] Of(char type, ReadOnlySpan<byte> body)
    {
        var frame = new byte[Header + body.Length];
        frame[0] = (byte)type;
        BinaryPrimitives.WriteInt32BigEndian(frame.AsSpan(1), body.Length + 4);
        body.CopyTo(frame.AsSpan(Header));
        return frame;
    }

    /// <summary>A message of texts, each with its NUL.</summary>
    public static byte[] OfTexts(char type, params ReadOnlySpan<string> texts)
    {
        using var body = new MemoryStream();
        foreach (var text in texts)
        {
            body.Write(System.Text.Encoding.UTF8.GetBytes(text));
            body.WriteByte(0);
        }
        return Of(type, body.ToArray());
    }
}

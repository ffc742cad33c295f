using System.Buffers.Binary;
using AccessPlane.Agent.Relay;

namespace AccessPlane.Agent.Protocols.PostgreSql;

/// <summary>One side broke the protocol, or may not go on, before there was a session.</summary>
internal sealed class PgStop(string code, string message, string? hint = null) : Exception(message)
{
    public string Code { get; } = code;
    public string? Hint { get; } = hint;
}

/// <summary>Whole messages over a wire, one at a time: for logins, on both sides. What was received beyond the last one is kept for the relay.</summary>
internal sealed class PgChannel(Wire wire)
{
    private byte[] buffer = new byte[1024];
    private int start;
    private int end;

    public Wire Wire { get; } = wire;

    /// <summary>Received and not read.</summary>
    private ReadOnlyMemory<byte> Leftover => buffer.AsMemory(start, end - start);

    /// <summary>What was received and not read goes to the relay, and the buffer with it: a session lives for hours, and needs none for its login.</summary>
    public ReadOnlyMemory<byte> HandOver()
    {
        var left = Leftover;
        (buffer, start, end) = ([], 0, 0);
        return left;
    }

    public ValueTask Send(ReadOnlyMemory<byte> bytes) => Wire.Send(bytes);

    /// <summary>Puts bytes in front that were received already.</summary>
    public void Preload(ReadOnlySpan<byte> bytes)
    {
        bytes.CopyTo(buffer.AsSpan(end));
        end += bytes.Length;
    }

    /// <summary>The startup's packet: a length and no type. Its body, without the length.</summary>
    public async ValueTask<ReadOnlyMemory<byte>> ReadStartup(int longest)
    {
        await Need(4);
        var length = BinaryPrimitives.ReadInt32BigEndian(Leftover.Span);
        if (length < 8 || length > longest)
        {
            throw new PgStop(PgError.Protocol, "invalid length of startup packet");
        }
        await Need(length);
        return Take(length)[4..];
    }

    /// <param name="longest">Of the body, in bytes.</param>
    public async ValueTask<(char Type, ReadOnlyMemory<byte> Body)> Read(int longest)
    {
        await Need(PgFrame.Header);
        var (type, length) = ((char)Leftover.Span[0], PgFrame.LengthAt(Leftover.Span));
        if (length < 4 || length - 4 > longest)
        {
            throw new PgStop(PgError.Protocol, "invalid message length");
        }
        await Need(length + 1);
        return (type, Take(length + 1)[PgFrame.Header..]);
    }

    /// <summary>Receives once, whatever comes.</summary>
    /// <returns>False when the other side has ended.</returns>
    public async ValueTask<bool> Fill(int room = 1024)
    {
        if (buffer.Length - start < room || end == buffer.Length)
        {
            var pending = Leftover;
            var larger = pending.Length + room > buffer.Length ? new byte[Math.Max(buffer.Length * 2, pending.Length + room)] : buffer;
            pending.CopyTo(larger);
            (buffer, start, end) = (larger, 0, pending.Length);
        }
        var got = await Wire.Receive(buffer.AsMemory(end));
        end += got;
        return got > 0;
    }

    private async ValueTask Need(int bytes)
    {
        while (end - start < bytes)
        {
            // what is announced is believed as it comes: nobody gets memory for the head of a message alone
            if (!await Fill(Math.Min(bytes, Math.Max(1024, 2 * (end - start)))))
            {
                throw new EndOfStreamException();
            }
        }
    }

    /// <summary>A copy: what is read next may reuse the buffer.</summary>
    private ReadOnlyMemory<byte> Take(int bytes)
    {
        var taken = buffer.AsSpan(start, bytes).ToArray();
        start += bytes;
        return taken;
    }
}

using System.Buffers.Binary;

namespace AccessPlane.Tests.Integration.Wire;

/// <summary>A stream under TLS that looks at the records which come: the length of each stands in the clear at its head.</summary>
internal sealed class RecordWatch(Stream inner) : Stream
{
    private const int Header = 5;
    private const byte ApplicationData = 23;
    private readonly byte[] header = new byte[Header];
    private int inHeader;
    private int left;
    private bool hasRead;
    private Func<Task>? beforeSecondFlight;

    /// <summary>Done before anything is sent that answers what came: in the middle of the handshake.</summary>
    public Func<Task>? BeforeSecondFlight { init => beforeSecondFlight = value; }

    /// <summary>Of every record of application data: its bytes, without the head and with what the cipher adds.</summary>
    public List<int> Lengths { get; } = [];

    public override bool CanRead => true;
    public override bool CanSeek => false;
    public override bool CanWrite => true;
    public override long Length => throw new NotSupportedException();
    public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        var got = await inner.ReadAsync(buffer, cancellationToken);
        Look(buffer.Span[..got]);
        return got;
    }

    public override int Read(byte[] buffer, int offset, int count)
    {
        var got = inner.Read(buffer, offset, count);
        Look(buffer.AsSpan(offset, got));
        return got;
    }

    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override void Write(byte[] buffer, int offset, int count) => inner.Write(buffer, offset, count);

    public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        if (hasRead && beforeSecondFlight is { } first)
        {
            beforeSecondFlight = null;
            await first();
        }
        await inner.WriteAsync(buffer, cancellationToken);
    }

    public override Task WriteAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        WriteAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override void Flush() => inner.Flush();

    public override Task FlushAsync(CancellationToken cancellationToken) => inner.FlushAsync(cancellationToken);

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    private void Look(ReadOnlySpan<byte> bytes)
    {
        hasRead = true;
        while (bytes.Length > 0)
        {
            if (left > 0)
            {
                var skipped = Math.Min(left, bytes.Length);
                left -= skipped;
                bytes = bytes[skipped..];
                continue;
            }
            header[inHeader++] = bytes[0];
            bytes = bytes[1..];
            if (inHeader == Header)
            {
                inHeader = 0;
                left = BinaryPrimitives.ReadUInt16BigEndian(header.AsSpan(3));
                if (header[0] == ApplicationData)
                {
                    Lengths.Add(left);
                }
            }
        }
    }
}

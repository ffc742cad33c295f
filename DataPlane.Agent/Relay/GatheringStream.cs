using System.Buffers;

namespace AccessPlane.Agent.Relay;

/// <summary>What TLS stands on: reads pass, written records are kept until they are sent together. During the handshake writes pass as well.</summary>
internal sealed class GatheringStream(Wire wire) : Stream
{
    private byte[] kept = [];
    private int length;
    private bool gathers;

    public void Gather() => gathers = true;

    public async ValueTask SendGathered()
    {
        if (length == 0)
        {
            return;
        }
        await wire.Send(kept.AsMemory(0, length));
        length = 0;
        ArrayPool<byte>.Shared.Return(kept);
        kept = []; // an idle connection holds nothing
    }

    public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) =>
        gathers ? wire.Receive(buffer) : Shake(buffer);

    /// <summary>What a handshake makes of what it reads is costly, and anyone may ask for it: never on a thread that other sessions' bytes pass through.</summary>
    private async ValueTask<int> Shake(Memory<byte> buffer)
    {
        var got = await wire.Receive(buffer);
        await Task.Yield();
        return got;
    }

    public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        if (!gathers)
        {
            return wire.Send(buffer);
        }
        Keep(buffer.Span);
        return default;
    }

    private void Keep(ReadOnlySpan<byte> record)
    {
        if (kept.Length - length < record.Length)
        {
            var larger = ArrayPool<byte>.Shared.Rent(Math.Max(length + record.Length, 16 * 1024));
            kept.AsSpan(0, length).CopyTo(larger);
            if (kept.Length > 0)
            {
                ArrayPool<byte>.Shared.Return(kept);
            }
            kept = larger;
        }
        record.CopyTo(kept.AsSpan(length));
        length += record.Length;
    }

    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override Task WriteAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        WriteAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    /// <summary>Only TLS's own farewell is written synchronously: it is best effort, a peer that is gone need not hear it.</summary>
    public override void Write(byte[] buffer, int offset, int count)
    {
    }

    public override Task FlushAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public override void Flush()
    {
    }

    public override bool CanRead => true;
    public override bool CanWrite => true;
    public override bool CanSeek => false;
    public override long Length => throw new NotSupportedException();
    public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }
    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();
    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();
    public override void SetLength(long value) => throw new NotSupportedException();
}

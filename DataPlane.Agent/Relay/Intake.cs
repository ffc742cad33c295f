using System.Buffers;
using System.Runtime.CompilerServices;

namespace AccessPlane.Agent.Relay;

/// <summary>
/// What has been received and not yet passed on. Waits with one small buffer of its own (or none, under TLS) and borrows a large one only while
/// there is something to hold: an idle connection costs next to nothing, a small message no second system call.
/// </summary>
internal sealed class Intake(Wire wire) : IDisposable
{
    private const int Small = 1024;
    private const int Large = 64 * 1024;

    private const int AheadSize = 4 * 1024;

    private readonly byte[] small = new byte[wire.WaitsWithoutBuffer ? 0 : Small];
    private byte[] ahead = [];
    private Task<int>? coming;
    private byte[]? borrowed;
    private int start;
    private int end;
    private bool flows;

    private byte[] Buffer => borrowed ?? small;

    public ReadOnlyMemory<byte> Pending => Buffer.AsMemory(start, end - start);

    public void Consume(int bytes)
    {
        start += bytes;
        if (start == end)
        {
            start = end = 0;
            GiveBack();
        }
    }

    /// <summary>Adds bytes that were received in another way.</summary>
    public void Preload(ReadOnlySpan<byte> bytes)
    {
        if (bytes.IsEmpty)
        {
            return; // an idle connection borrows no buffer
        }
        Room(end - start + bytes.Length);
        bytes.CopyTo(Buffer.AsSpan(end));
        end += bytes.Length;
    }

    /// <summary>Receives until there is more than there was.</summary>
    /// <param name="need">How many bytes there must be room for in all, if this is known.</param>
    /// <returns>False when the other side has ended.</returns>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    public async ValueTask<bool> Receive(int need)
    {
        if (coming is not null)
        {
            return await TakeAhead();
        }
        if (wire.WaitsWithoutBuffer)
        {
            await wire.Readable();
            Room(Math.Max(need, Large));
        }
        else if (flows)
        {
            if (TakeMore(need))
            {
                return true;
            }
            Consume(0); // a buffer that was borrowed for nothing
        }
        if (!wire.WaitsWithoutBuffer && end > start)
        {
            Room(Math.Max(need, end - start + Small));
        }
        var got = await wire.Receive(Buffer.AsMemory(end));
        end += got;
        if (got > 0 && borrowed is null && end == small.Length)
        {
            TakeMore(need); // the rest of what came with it, without another wait
        }
        return got > 0;
    }

    /// <summary>While much is coming, the next of it is there already: taken at once, and into a large buffer.</summary>
    private bool TakeMore(int need)
    {
        Room(Math.Max(need, Large));
        var got = wire.TryReceive(Buffer.AsSpan(end));
        end += got;
        flows = got > Small;
        return got > 0;
    }

    /// <summary>
    /// A receive beside the buffer, for who waits for something else as well and must hear of the other side all the same. It stays under way until
    /// <see cref="Receive"/> takes what it brought.
    /// </summary>
    public Task Ahead() => coming ??= wire.Receive(ahead = new byte[AheadSize]).AsTask();

    private async ValueTask<bool> TakeAhead()
    {
        var task = coming!;
        try
        {
#pragma warning disable VSTHRD003 // a receive of this wire, begun by Ahead
            var got = await task;
#pragma warning restore VSTHRD003
            Preload(ahead.AsSpan(0, got));
            return got > 0;
        }
        finally
        {
            (coming, ahead) = (null, []);
        }
    }

    /// <summary>Room for this many bytes in all, from the start of what is pending.</summary>
    private void Room(int bytes)
    {
        if (Buffer.Length - start >= bytes && end < Buffer.Length)
        {
            return;
        }
        var pending = Pending;
        bytes = Math.Max(bytes, pending.Length + Small);
        if (Buffer.Length >= bytes)
        {
            pending.CopyTo(Buffer);
        }
        else
        {
            var larger = ArrayPool<byte>.Shared.Rent(Math.Max(bytes, Large));
            pending.CopyTo(larger);
            GiveBack();
            borrowed = larger;
        }
        (start, end) = (0, pending.Length);
    }

    private void GiveBack()
    {
        if (borrowed is { } buffer)
        {
            borrowed = null;
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    public void Dispose() => GiveBack();
}

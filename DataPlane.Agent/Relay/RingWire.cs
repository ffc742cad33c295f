using System.Net;
using System.Net.Sockets;
using System.Runtime.CompilerServices;

namespace AccessPlane.Agent.Relay;

/// <summary>
/// A socket that a ring serves. Its descriptor is closed when it is asked for and nobody uses it: a receive that the kernel holds is taken back first,
/// so that the number never means another connection to anyone.
/// </summary>
internal sealed class RingWire(Ring ring, int descriptor) : Wire
{
    /// <summary>In the count of those who use the descriptor: it is to be closed, and nobody may come.</summary>
    private const int Closed = 1 << 30;

    private RingOp? receiving;
    private RingOp? sending;
    private int users;

    public Ring Ring { get; } = ring;
    public int Descriptor { get; } = descriptor;
    public bool IsClosed => Volatile.Read(ref users) >= Closed;

    public override Wiring Wiring => Ring;
    public override bool WaitsWithoutBuffer => false;

    public override bool HasBytes
    {
        get
        {
            Span<byte> one = stackalloc byte[1];
            return Now(one, RingCalls.Peek) > 0;
        }
    }

    public override ValueTask Readable() => default;

    public override ValueTask<int> Receive(Memory<byte> into)
    {
        var op = receiving ??= new RingOp(this);
        return into.IsEmpty
            ? Poll(op)
            : op.Begin(RingCalls.Receive, into, priority: op.HasMore ? (ushort)0 : RingCalls.PollFirst);
    }

    public override async ValueTask<int> Peek(Memory<byte> into, CancellationToken cancel)
    {
        var op = receiving ??= new RingOp(this);
        var peeking = op.Begin(RingCalls.Receive, into, RingCalls.Peek);
        using var taken = cancel.Register(() => Ring.Cancel(op));
        try
        {
            return await peeking;
        }
        catch (SocketException) when (cancel.IsCancellationRequested)
        {
            throw new OperationCanceledException(cancel);
        }
    }

    public override int TryReceive(Span<byte> into) => Math.Max(Now(into, 0), 0);

    /// <summary>What the socket takes at once is sent at once: the other side need not wait for what the ring does next.</summary>
    public override ValueTask Send(ReadOnlyMemory<byte> bytes)
    {
        Enter();
        int sent;
        try
        {
            sent = RingCalls.SendNow(Descriptor, bytes.Span);
        }
        finally
        {
            Leave();
        }
        return sent == bytes.Length ? default :
            sent >= 0 || -sent is RingCalls.EAGAIN or RingCalls.EINTR ? Rest(bytes[Math.Max(sent, 0)..]) :
            ValueTask.FromException(Failure(-sent));
    }

    public async Task Connect(SocketAddress address)
    {
        sending ??= new RingOp(this);
        await sending.Begin(RingCalls.Connect, address.Buffer[..address.Size], offset: (ulong)address.Size);
    }

    public override Presence Presence
    {
        get
        {
            if (!TryEnter())
            {
                return Presence.Here; // closed from here: whoever did that sees to the end
            }
            Span<byte> info = stackalloc byte[8];
            var told = RingCalls.Tells(Descriptor, Presences.Tcp, Presences.TcpInfo, info);
            Leave();
            return told ? Presences.Of(info) : Presence.Here;
        }
    }

    public override void Reset()
    {
        if (TryEnter())
        {
            RingCalls.ResetOnClose(Descriptor);
            Leave();
            Close();
        }
    }

    public override void EndSending()
    {
        if (TryEnter())
        {
            _ = RingCalls.shutdown(Descriptor, 1); // where the other side ended first, nothing is left to tell it
            Leave();
        }
    }

    public override void Close()
    {
        var before = Interlocked.Or(ref users, Closed);
        if (before >= Closed)
        {
            return;
        }
        if (before == 0)
        {
            Free();
            return;
        }
        TakeBack(receiving);
        TakeBack(sending);
    }

    /// <exception cref="ObjectDisposedException">It was closed.</exception>
    public void Enter() => ObjectDisposedException.ThrowIf(!TryEnter(), this);

    public void Leave()
    {
        if (Interlocked.Decrement(ref users) == Closed)
        {
            Free();
        }
    }

    public static SocketException Failure(int error) => new((int)(error switch
    {
        RingCalls.ECANCELED => SocketError.OperationAborted,
        32 or 104 => SocketError.ConnectionReset,
        110 => SocketError.TimedOut,
        111 or 2 => SocketError.ConnectionRefused,
        101 => SocketError.NetworkUnreachable,
        113 => SocketError.HostUnreachable,
        _ => SocketError.SocketError,
    }));

    private bool TryEnter()
    {
        while (true)
        {
            var now = Volatile.Read(ref users);
            if (now >= Closed)
            {
                return false;
            }
            if (Interlocked.CompareExchange(ref users, now + 1, now) == now)
            {
                return true;
            }
        }
    }

    private int Now(Span<byte> into, int flags)
    {
        if (!TryEnter())
        {
            return 0;
        }
        var got = RingCalls.ReceiveNow(Descriptor, into, flags);
        Leave();
        return got;
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private static async ValueTask<int> Poll(RingOp op)
    {
        await op.Begin(RingCalls.PollAdd, default, RingCalls.PollIn);
        return 0;
    }

    private async ValueTask Rest(ReadOnlyMemory<byte> bytes)
    {
        var op = sending ??= new RingOp(this);
        while (bytes.Length > 0)
        {
            bytes = bytes[await op.Begin(RingCalls.Send, bytes, RingCalls.WaitAll | RingCalls.NoSignal)..];
        }
    }

    private void TakeBack(RingOp? op)
    {
        if (op is not null)
        {
            Ring.Cancel(op);
        }
    }

    /// <summary>Nobody uses it, and nobody can any more.</summary>
    private void Free()
    {
        _ = RingCalls.close(Descriptor);
        receiving?.Free();
        sending?.Free();
    }
}

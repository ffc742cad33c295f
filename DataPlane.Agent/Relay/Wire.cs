using System.Net.Sockets;

namespace AccessPlane.Agent.Relay;

/// <summary>One side's connection: bytes in, bytes out, in clear or under TLS. One receive and one send may be under way at a time.</summary>
internal abstract class Wire(Socket socket) : IDisposable
{
    // Linux: IPPROTO_TCP, TCP_INFO, and the first byte of what it tells
    private const int Tcp = 6;
    private const int TcpInfo = 11;
    private const byte TcpClosed = 7;
    private const byte TcpCloseWait = 8;

    private int closed;

    protected Socket Socket { get; } = socket;

    public bool IsTls => this is TlsWire;

    /// <summary>Whether <see cref="Readable"/> should be awaited first, so that no buffer is held while nothing comes.</summary>
    public abstract bool WaitsWithoutBuffer { get; }

    public abstract ValueTask Readable();

    /// <summary>At least one byte; 0 when the other side has ended.</summary>
    public abstract ValueTask<int> Receive(Memory<byte> into);

    /// <summary>What is there already, without waiting; 0 when nothing is.</summary>
    public abstract int TryReceive(Span<byte> into);

    /// <summary>Sends all of it; back-pressure is the awaiting.</summary>
    public abstract ValueTask Send(ReadOnlyMemory<byte> bytes);

    /// <summary>Completes when the other side sends something or ends; reads nothing.</summary>
    public async Task SaysAnything(CancellationToken cancel) => await Socket.ReceiveAsync(new byte[1], SocketFlags.Peek, cancel);

    /// <summary>What has become of the other side. The kernel is asked: it knows while nobody reads, and while what was sent before stands in the way.</summary>
    public Presence Presence
    {
        get
        {
            Span<byte> info = stackalloc byte[8];
            try
            {
                Socket.GetRawSocketOption(Tcp, TcpInfo, info);
            }
            catch (Exception closed) when (closed is SocketException or ObjectDisposedException)
            {
                return Presence.Here; // closed from here: whoever did that sees to the end
            }
            return info[0] switch { TcpCloseWait => Presence.Ended, TcpClosed => Presence.Gone, _ => Presence.Here };
        }
    }

    /// <summary>Ends the connection so that the other side learns it at once and drops what it has not read: RST.</summary>
    public void Reset()
    {
        if (Interlocked.Exchange(ref closed, 1) == 0)
        {
            Socket.Close(0);
        }
    }

    /// <summary>No more will be sent; what was sent arrives.</summary>
    public void EndSending()
    {
        try
        {
            Socket.Shutdown(SocketShutdown.Send);
        }
        catch (Exception gone) when (gone is SocketException or ObjectDisposedException)
        {
            // the other side ended first: nothing is left to tell it
            return;
        }
    }

    /// <summary>Ends the connection; what was sent arrives.</summary>
    public void Close()
    {
        if (Interlocked.Exchange(ref closed, 1) == 0)
        {
            Socket.Close();
        }
    }

    public virtual void Dispose() => Close();
}

internal enum Presence
{
    Here,

    /// <summary>It sends no more: it closed its half and still reads, or it is gone. Nothing tells which before it is written to.</summary>
    Ended,

    /// <summary>It has reset the connection.</summary>
    Gone,
}

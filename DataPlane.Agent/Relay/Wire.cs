namespace AccessPlane.Agent.Relay;

/// <summary>One side's connection: bytes in, bytes out, in clear or under TLS. One receive and one send may be under way at a time.</summary>
internal abstract class Wire : IDisposable
{
    public bool IsTls => this is TlsWire;

    /// <summary>Where it came from: its session's other side should come from there as well.</summary>
    public abstract Wiring Wiring { get; }

    /// <summary>Whether <see cref="Readable"/> should be awaited first, so that no buffer is held while nothing comes.</summary>
    public abstract bool WaitsWithoutBuffer { get; }

    /// <summary>Whether the socket holds bytes that were not received.</summary>
    public abstract bool HasBytes { get; }

    public abstract ValueTask Readable();

    /// <summary>At least one byte; 0 when the other side has ended.</summary>
    public abstract ValueTask<int> Receive(Memory<byte> into);

    /// <summary>What the next receive will bring, without taking it; 0 when the other side has ended.</summary>
    public abstract ValueTask<int> Peek(Memory<byte> into, CancellationToken cancel);

    /// <summary>What is there already, without waiting; 0 when nothing is.</summary>
    public abstract int TryReceive(Span<byte> into);

    /// <summary>Sends all of it; back-pressure is the awaiting.</summary>
    public abstract ValueTask Send(ReadOnlyMemory<byte> bytes);

    /// <summary>What has become of the other side. The kernel is asked: it knows while nobody reads, and while what was sent before stands in the way.</summary>
    public abstract Presence Presence { get; }

    /// <summary>Ends the connection so that the other side learns it at once and drops what it has not read: RST.</summary>
    public abstract void Reset();

    /// <summary>No more will be sent; what was sent arrives.</summary>
    public abstract void EndSending();

    /// <summary>Ends the connection; what was sent arrives.</summary>
    public abstract void Close();

    public virtual void Dispose() => Close();
}

internal static class Presences
{
    // Linux: IPPROTO_TCP, TCP_INFO, and the first byte of what it tells
    public const int Tcp = 6;
    public const int TcpInfo = 11;
    private const byte TcpClosed = 7;
    private const byte TcpCloseWait = 8;

    public static Presence Of(ReadOnlySpan<byte> info) => info[0] switch { TcpCloseWait => Presence.Ended, TcpClosed => Presence.Gone, _ => Presence.Here };
}

internal enum Presence
{
    Here,

    /// <summary>It sends no more: it closed its half and still reads, or it is gone. Nothing tells which before it is written to.</summary>
    Ended,

    /// <summary>It has reset the connection.</summary>
    Gone,
}

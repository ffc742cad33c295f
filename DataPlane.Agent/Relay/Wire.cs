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

    /// <summary>Ends the connection so that the other side learns it at once and drops what it has not read: RST.</summary>
    public abstract void Reset();

    /// <summary>No more will be sent; what was sent arrives.</summary>
    public abstract void EndSending();

    /// <summary>Ends the connection; what was sent arrives.</summary>
    public abstract void Close();

    public virtual void Dispose() => Close();
}

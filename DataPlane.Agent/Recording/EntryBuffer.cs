using System.Buffers;

namespace AccessPlane.Agent.Recording;

/// <summary>Bytes that are written, looked at and forgotten again and again: in steady state nothing is allocated.</summary>
internal sealed class EntryBuffer : IBufferWriter<byte>
{
    private const int Small = 4 << 10;
    private const int Retained = 256 << 10;

    private byte[] bytes = new byte[Small];

    public int Length { get; private set; }

    /// <summary>What was written from a place on. Valid until something is forgotten: what is written meanwhile may move, and leaves this as it is.</summary>
    public ReadOnlySpan<byte> From(int start) => bytes.AsSpan(start, Length - start);

    public void Add(byte one)
    {
        GetSpan(1)[0] = one;
        Length++;
    }

    public void Truncate(int length) => Length = length;

    /// <summary>Forgets all of it, and gives back what one large entry took.</summary>
    public void Clear()
    {
        Length = 0;
        if (bytes.Length > Retained)
        {
            bytes = new byte[Small];
        }
    }

    public void Advance(int count) => Length += count;

    public Memory<byte> GetMemory(int sizeHint = 0)
    {
        Grow(sizeHint);
        return bytes.AsMemory(Length);
    }

    public Span<byte> GetSpan(int sizeHint = 0)
    {
        Grow(sizeHint);
        return bytes.AsSpan(Length);
    }

    private void Grow(int sizeHint)
    {
        var need = Math.Max(sizeHint, 256);
        if (bytes.Length - Length < need)
        {
            Array.Resize(ref bytes, Math.Max(bytes.Length * 2, Length + need));
        }
    }
}

using System.Buffers;

namespace AccessPlane.Agent.Recording;

/// <summary>Bytes that are written, looked at and forgotten again and again: in steady state nothing is allocated, and an idle session holds none.</summary>
internal sealed class EntryBuffer : IBufferWriter<byte>
{
    private const int Small = 4 << 10;

    private byte[] bytes = [];

    public int Length { get; private set; }

    /// <summary>What was written from a place on. Valid until something is forgotten: what is written meanwhile may move, and leaves this as it is.</summary>
    public ReadOnlySpan<byte> From(int start) => bytes.AsSpan(start, Length - start);

    public void Add(byte one)
    {
        GetSpan(1)[0] = one;
        Length++;
    }

    public void Truncate(int length) => Length = length;

    /// <summary>Forgets all of it. Whatever was looked at before is somebody else's from here on.</summary>
    public void Clear()
    {
        Length = 0;
        if (bytes.Length > 0)
        {
            ArrayPool<byte>.Shared.Return(bytes);
            bytes = [];
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
            var larger = ArrayPool<byte>.Shared.Rent(Math.Max(Small, Math.Max(bytes.Length * 2, Length + need)));
            From(0).CopyTo(larger);
            bytes = larger; // the one before is not given back: it may still be looked at
        }
    }
}

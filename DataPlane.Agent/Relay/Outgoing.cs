using System.Buffers;

namespace AccessPlane.Agent.Relay;

/// <summary>
/// What one batch sends: a run of the received bytes as they lie, or, once something was rewritten in between, a copy with the rewriting in it.
/// Either way it leaves in one send.
/// </summary>
internal sealed class Outgoing : IDisposable
{
    private byte[] copy = [];
    private int copied;
    private int runStart;
    private int runEnd;

    /// <summary>A new batch: nothing of it has passed yet.</summary>
    public void Begin() => (runStart, runEnd, copied) = (0, 0, 0);

    public bool IsEmpty => copied == 0 && runStart == runEnd;

    public void Pass(int bytes) => runEnd += bytes;

    public void Rewrite(ReadOnlySpan<byte> batch, int bytes, ReadOnlySpan<byte> replacement)
    {
        Append(batch[runStart..runEnd]);
        Append(replacement);
        runStart = runEnd += bytes;
    }

    public ReadOnlyMemory<byte> Bytes(ReadOnlyMemory<byte> batch)
    {
        if (copied == 0)
        {
            return batch[runStart..runEnd];
        }
        Append(batch.Span[runStart..runEnd]);
        runStart = runEnd;
        return copy.AsMemory(0, copied);
    }

    private void Append(ReadOnlySpan<byte> bytes)
    {
        if (copy.Length - copied < bytes.Length)
        {
            var larger = ArrayPool<byte>.Shared.Rent(copied + bytes.Length);
            copy.AsSpan(0, copied).CopyTo(larger);
            Dispose();
            copy = larger;
        }
        bytes.CopyTo(copy.AsSpan(copied));
        copied += bytes.Length;
    }

    public void Dispose()
    {
        if (copy.Length > 0)
        {
            ArrayPool<byte>.Shared.Return(copy);
            copy = [];
        }
    }
}

namespace AccessPlane.ControlPlane.Console;

/// <summary>A stream that is chosen when the first byte for it comes.</summary>
internal sealed class LaterStream(Func<Stream> choose) : Stream
{
    private Stream? chosen;

    private Stream Chosen => chosen ??= choose();

    public override bool CanRead => false;
    public override bool CanSeek => false;
    public override bool CanWrite => true;
    public override long Length => throw new NotSupportedException();
    public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }

    public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default) =>
        buffer.Length == 0 ? ValueTask.CompletedTask : Chosen.WriteAsync(buffer, cancellationToken);

    public override Task WriteAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) => WriteAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override Task FlushAsync(CancellationToken cancellationToken) => chosen?.FlushAsync(cancellationToken) ?? Task.CompletedTask;

    public override void Flush()
    {
        // flushed asynchronously, or not at all
    }

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();
    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();
    public override void SetLength(long value) => throw new NotSupportedException();
    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException("answers are written asynchronously");
}

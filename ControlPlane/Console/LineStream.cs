using System.Text;

namespace AccessPlane.ControlPlane.Console;

/// <summary>Takes an answer of lines as it comes, each line as soon as it is whole.</summary>
public sealed class LineStream(Func<string, Task> take) : Stream
{
    private readonly List<byte> rest = [];

    public override bool CanRead => false;
    public override bool CanSeek => false;
    public override bool CanWrite => true;
    public override long Length => throw new NotSupportedException();
    public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }

    public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        rest.AddRange(buffer.Span);
        for (int end; (end = rest.IndexOf((byte)'\n')) >= 0;)
        {
            var line = Encoding.UTF8.GetString(rest[..end].ToArray());
            rest.RemoveRange(0, end + 1);
            await take(line);
        }
    }

    public override Task WriteAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) => WriteAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override Task FlushAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public override void Flush()
    {
        // nothing is held back but the part of a line
    }

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();
    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();
    public override void SetLength(long value) => throw new NotSupportedException();
    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException("answers are written asynchronously");
}

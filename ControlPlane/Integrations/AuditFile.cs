using System.Globalization;
using System.Text.Json;

namespace AccessPlane.ControlPlane.Integrations;

/// <summary>
/// JSON lines, appended and flushed to the disk batch by batch. The file is opened anew for each batch: one that was moved away is made anew, with no
/// signal. What a crash left of a line is taken off before anything is written after it.
/// </summary>
internal sealed class AuditFile(DestinationOptions options) : IAuditSink
{
    private const int TailSize = 64 * 1024;
    private readonly string path = options.Path!;
    private long last;

    public async Task<AuditMark?> Begin(CancellationToken cancel)
    {
        var mark = File.Exists(path) ? await Mend(path, cancel) : null;
        if (mark is null && PutAside() is { } aside)
        {
            mark = await Mend(aside, cancel);
        }
        last = mark?.Position ?? 0;
        return mark;
    }

    public async Task<Attempt> Write(IReadOnlyList<AuditLine> lines, CancellationToken cancel)
    {
        Rotate();
        if (last == 0 && File.Exists(path))
        {
            await Mend(path, cancel); // also after a write that failed
        }
        await using var file = new FileStream(path, new FileStreamOptions
        {
            Mode = FileMode.OpenOrCreate,
            Access = FileAccess.ReadWrite,
            Share = FileShare.Read,
            BufferSize = 0,
            UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead,
        });
        file.Seek(0, SeekOrigin.End);
        var before = file.Position;
        try
        {
            using var all = new MemoryStream();
            foreach (var line in lines)
            {
                all.Write(line.Bytes);
                all.WriteByte((byte)'\n');
            }
            // whole, whatever the time: half of it would have to be taken back
            await file.WriteAsync(all.GetBuffer().AsMemory(0, (int)all.Length), CancellationToken.None);
            file.Flush(flushToDisk: true);
        }
        catch
        {
            last = 0;
            file.SetLength(before);
            throw;
        }
        last = lines[^1].Position;
        return Attempt.Delivered;
    }

    /// <summary>Named so that they sort as they were written.</summary>
    private void Rotate()
    {
        if (last > 0 && new FileInfo(path) is { Exists: true } file && file.Length >= options.MaxSize)
        {
            File.Move(path, $"{path}.{last.ToString("D19", CultureInfo.InvariantCulture)}");
        }
    }

    private string? PutAside() => Directory.EnumerateFiles(Path.GetDirectoryName(path)!, $"{Path.GetFileName(path)}.*")
        .Where(f => f.Length == path.Length + 20 && f.AsSpan(path.Length + 1).IndexOfAnyExceptInRange('0', '9') < 0).Max(StringComparer.Ordinal);

    /// <summary>Takes off what is no whole line at the end.</summary>
    /// <returns>The last line's event.</returns>
    private static async Task<AuditMark?> Mend(string path, CancellationToken cancel)
    {
        await using var file = new FileStream(path, FileMode.Open, FileAccess.ReadWrite, FileShare.Read);
        var (end, tail) = (file.Length, Array.Empty<byte>());
        // backwards until the last whole line is there, with the line feed before it
        for (var size = (long)TailSize; ; size *= 2)
        {
            var from = Math.Max(0, end - size);
            tail = new byte[end - from];
            file.Position = from;
            await file.ReadExactlyAsync(tail, cancel);
            var lineEnd = tail.AsSpan().LastIndexOf((byte)'\n');
            var lineStart = lineEnd < 0 ? -1 : tail.AsSpan(0, lineEnd).LastIndexOf((byte)'\n');
            if (lineStart < 0 && from > 0)
            {
                continue;
            }
            if (from + lineEnd + 1 < end)
            {
                file.SetLength(from + lineEnd + 1);
                file.Flush(flushToDisk: true);
            }
            return lineEnd < 0 ? null : MarkOf(tail.AsSpan()[(lineStart + 1)..lineEnd]);
        }
    }

    private static AuditMark? MarkOf(ReadOnlySpan<byte> line)
    {
        try
        {
            var json = JsonSerializer.Deserialize<JsonElement>(line);
            return new AuditMark(long.Parse(json.GetProperty("position").GetString()!, CultureInfo.InvariantCulture), json.GetProperty("id").GetGuid());
        }
        // somebody else's line: what is ours goes on behind it, from the checkpoint
        catch (Exception foreign) when (foreign is JsonException or KeyNotFoundException or InvalidOperationException or FormatException or OverflowException)
        {
            return null;
        }
    }
}

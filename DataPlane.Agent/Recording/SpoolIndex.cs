using System.Text;
using System.Text.Json;
using AccessPlane.Contracts;
using AccessPlane.Contracts.Transcripts;
using Microsoft.Win32.SafeHandles;

namespace AccessPlane.Agent.Recording;

/// <summary>The index beside a transcript. Lines come from two sides: the drain seals while the control plane's word of earlier parts arrives.</summary>
internal sealed class SpoolIndex(string path, Spool spool) : IDisposable
{
    private readonly SafeFileHandle file = File.OpenHandle(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.Read);
    private readonly Lock guard = new();
    private long length;

    /// <summary>It must outlive the host too, before anything is given back because of it.</summary>
    public bool Flushes { get; set; }

    public void Append(IndexLine line)
    {
        var bytes = Encoding.UTF8.GetBytes(JsonSerializer.Serialize(line, Json.Options) + "\n");
        lock (guard)
        {
            spool.Write(file, bytes, length);
            if (Flushes)
            {
                RandomAccess.FlushToDisk(file);
            }
            length += bytes.Length;
        }
    }

    /// <summary>Goes on behind the last whole line of an earlier process.</summary>
    public void Resume(long bytes)
    {
        length = bytes;
        RandomAccess.SetLength(file, bytes);
    }

    public void Dispose() => file.Dispose();

    /// <summary>What was accepted was not, but for what the file has given back.</summary>
    public static void TakeBack(string path)
    {
        var lines = File.ReadAllLines(path).Select(line => (Text: line, Entry: JsonSerializer.Deserialize<IndexLine>(line, Json.Options)!)).ToList();
        var forgotten = lines.Select(l => l.Entry.Forgotten).LastOrDefault(f => f is not null);
        var gone = forgotten is null ? [] : new[] { JsonSerializer.Serialize(new IndexLine(Accepted: forgotten), Json.Options) };
        File.WriteAllText(path, string.Concat(lines.Where(l => l.Entry.Sealed is not null).Select(l => l.Text).Concat(gone).Select(l => l + "\n")));
    }
}

/// <summary>A sealed run of entries, as the index beside the transcript keeps it: numbers and signatures must survive a restart unchanged.</summary>
/// <param name="Offset">Of its first frame in the transcript file; <paramref name="Length"/> counts bytes of the file.</param>
/// <param name="Open">Operations without a result behind it, as <see cref="OpenOperations"/> tells them.</param>
internal sealed record SealedPart(
    int Number, long FirstSeq, long LastSeq, long Offset, int Length, string PreviousHead, string Head, bool Final, string Signature, long[] Open)
{
    public static SealedPart Of(Segment segment, Mark from, Mark to) => new(
        segment.Number, segment.FirstSeq, segment.LastSeq, from.Offset, (int)(to.Offset - from.Offset), segment.PreviousHead, segment.Head, segment.Final,
        segment.Signature, to.Open.ToArray());

    public Segment With(string entries, Guid session, string agent) => new(session, agent, Number, FirstSeq, LastSeq, PreviousHead, Head, Final, entries, Signature);

    public bool Equals(SealedPart? other) => other is not null && Signature == other.Signature && Number == other.Number && Offset == other.Offset;

    public override int GetHashCode() => Signature.GetHashCode(StringComparison.Ordinal);
}

/// <summary>One line of the index: a part that was sealed, the number up to which the control plane has accepted them, or up to which their bytes are gone.</summary>
internal sealed record IndexLine(SealedPart? Sealed = null, int? Accepted = null, int? Forgotten = null);

/// <summary>A place between two entries.</summary>
internal sealed class Mark(long seq, long offset, byte[] head)
{
    private long[] open = [];
    private int opens;

    public long Seq { get; private set; } = seq;
    public long Offset { get; private set; } = offset;
    public byte[] Head { get; } = head;
    public ReadOnlySpan<long> Open => open.AsSpan(0, opens);

    public void Set(long at, long after, ReadOnlySpan<byte> chain, ReadOnlySpan<long> without)
    {
        Seq = at;
        Offset = after;
        chain.CopyTo(Head);
        if (without.Length > open.Length)
        {
            open = new long[without.Length * 2];
        }
        without.CopyTo(open);
        opens = without.Length;
    }

    public Mark Copy() => new(Seq, Offset, [.. Head]) { open = Open.ToArray(), opens = opens };
}

/// <summary>
/// The operations of a session that have no result yet, by their numbers: as they are where the resource may have them, negative where it cannot,
/// because they are refused or wait for people.
/// </summary>
internal sealed class OpenOperations
{
    private long[] numbers = new long[4];
    private int count;

    public ReadOnlySpan<long> All => numbers.AsSpan(0, count);

    public void Add(long op, bool mayReach)
    {
        if (count == numbers.Length)
        {
            Array.Resize(ref numbers, count * 2);
        }
        numbers[count++] = mayReach ? op : -op;
    }

    public void Released(long op)
    {
        if (numbers.AsSpan(0, count).IndexOf(-op) is var at and >= 0)
        {
            numbers[at] = op;
        }
    }

    public void Close(long op)
    {
        var at = numbers.AsSpan(0, count).IndexOf(op);
        at = at < 0 ? numbers.AsSpan(0, count).IndexOf(-op) : at;
        if (at >= 0)
        {
            count--;
            numbers.AsSpan(at + 1, count - at).CopyTo(numbers.AsSpan(at)); // they stay in the order of their coming
        }
    }
}

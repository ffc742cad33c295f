using System.Text.Json;
using AccessPlane.Contracts;
using AccessPlane.Contracts.Transcripts;

namespace AccessPlane.Agent.Recording;

/// <summary>What an earlier process left of a session: what its index says, and what can be read of the file once its keys are known.</summary>
/// <param name="Wrapped">The keys, as they were wrapped for the control plane, and where each begins to hold.</param>
/// <param name="FirstKey">Where the first frame with entries begins: what is before it is never given back.</param>
internal sealed record LeftSession(
    string Path, Guid Session, long Number, IReadOnlyList<SealedPart> Parts, int Accepted, long IndexBytes, IReadOnlyList<(long At, string Wrapped)> Wrapped, long FirstKey, long Size)
{
    public IReadOnlyList<SealedPart> Unaccepted { get; } = [.. Parts.Where(p => p.Number > Accepted)];

    public Mark SealedUpTo => Parts.Count == 0
        ? new Mark(0, 0, HashChain.Begin(Session))
        : new Mark(Parts[^1].LastSeq, Parts[^1].Offset + Parts[^1].Length, Convert.FromHexString(Parts[^1].Head));

    /// <exception cref="InvalidDataException">The index or the file is not what an agent writes.</exception>
    public static LeftSession Read(string path, Guid session, long number)
    {
        var (parts, accepted, indexBytes) = ReadIndex(SpoolFile.IndexOf(path));
        using var file = File.OpenRead(path);
        var first = SpoolKeys.Wrapped(Bytes(file, 0, Math.Min(file.Length, SpoolFile.PartBytes)), 0).Take(1).ToList();
        if (first is not [(0, { } key)])
        {
            throw new InvalidDataException("it does not begin with a key");
        }
        // what was accepted is a hole by now: the keys of the rest stand where its frames stand
        var rest = parts.FirstOrDefault(p => p.Number > accepted)?.Offset ?? (parts.Count == 0 ? 0 : parts[^1].Offset + parts[^1].Length);
        var later = SpoolKeys.Wrapped(Bytes(file, rest, file.Length - rest), rest).Where(k => k.At > 0);
        return new LeftSession(path, session, number, parts, accepted, indexBytes, [.. first, .. later], SpoolCipher.Header + key.Length, file.Length - Math.Max(0, rest - SpoolCipher.Header - key.Length));
    }

    /// <summary>Whether the file still holds a sealed part as it was sealed.</summary>
    public bool Holds(SealedPart part, SpoolKeys keys)
    {
        using var file = File.OpenRead(Path);
        var entries = keys.Read(Bytes(file, part.Offset, Math.Min(part.Length, Math.Max(0, file.Length - part.Offset))), part.Offset, out var read);
        var head = Convert.FromHexString(part.PreviousHead);
        foreach (var line in WholeLines(entries))
        {
            HashChain.Advance(head, line.Span);
        }
        return read == part.Length && Convert.ToHexStringLower(head) == part.Head;
    }

    /// <summary>What follows the sealed parts.</summary>
    public LeftTail Tail(SpoolKeys keys)
    {
        using var file = File.OpenRead(Path);
        var end = SealedUpTo;
        var rest = Bytes(file, end.Offset, Math.Max(0, file.Length - end.Offset));
        var tail = new LeftTail(end, Parts.Count == 0 ? [] : Parts[^1].Open) { Ended = Parts.Count > 0 && Parts[^1].Final };
        while (SpoolCipher.LengthAt(rest.AsSpan((int)(end.Offset - SealedUpTo.Offset))) is var size and > 0)
        {
            var at = (int)(end.Offset - SealedUpTo.Offset);
            var entries = keys.Read(rest.AsSpan(at, size), end.Offset, out var read);
            if (read != size)
            {
                break;
            }
            tail.Take(entries, size);
        }
        tail.Torn = rest.Length - (end.Offset - SealedUpTo.Offset);
        return tail;
    }

    private static (List<SealedPart> Parts, int Accepted, long Bytes) ReadIndex(string path)
    {
        List<SealedPart> parts = [];
        var accepted = 0;
        long bytes = 0;
        if (!File.Exists(path))
        {
            return (parts, 0, 0);
        }
        foreach (var line in WholeLines(File.ReadAllBytes(path)))
        {
            var entry = JsonSerializer.Deserialize<IndexLine>(line.Span, Json.Options) ?? throw new InvalidDataException("an index line is empty");
            bytes += line.Length + 1;
            accepted = entry.Accepted ?? accepted;
            if (entry.Sealed is { } part)
            {
                parts.Add(part.Number == parts.Count + 1 ? part : throw new InvalidDataException($"part {parts.Count + 1} is missing in the index"));
            }
        }
        return (parts, accepted, bytes);
    }

    private static byte[] Bytes(FileStream file, long from, long length)
    {
        var bytes = new byte[length];
        file.Seek(from, SeekOrigin.Begin);
        file.ReadExactly(bytes);
        return bytes;
    }

    internal static IEnumerable<ReadOnlyMemory<byte>> WholeLines(ReadOnlyMemory<byte> bytes)
    {
        for (int at = 0, end; (end = bytes.Span[at..].IndexOf((byte)'\n')) >= 0; at += end + 1)
        {
            yield return bytes.Slice(at, end);
        }
    }
}

/// <summary>The entries behind the last sealed part, and what is open after them.</summary>
internal sealed class LeftTail(Mark end, IEnumerable<long> open)
{
    private readonly List<long> open = [.. open];

    public Mark End { get; } = end;
    public bool Ended { get; set; }

    /// <summary>Bytes after the last whole frame.</summary>
    public long Torn { get; set; }

    /// <summary>As <see cref="OpenOperations"/> tells them.</summary>
    public IReadOnlyList<long> Open => open;

    /// <summary>Takes the entries of one frame.</summary>
    /// <exception cref="InvalidDataException">They are genuine, and do not follow.</exception>
    public void Take(byte[] entries, int size)
    {
        foreach (var line in LeftSession.WholeLines(entries))
        {
            var entry = JsonSerializer.Deserialize<TranscriptEntry>(line.Span, Json.Options);
            if (entry?.Seq != End.Seq + 1)
            {
                throw new InvalidDataException($"what follows entry {End.Seq} is another one");
            }
            Follow(entry);
            HashChain.Advance(End.Head, line.Span);
            End.Set(End.Seq + 1, End.Offset, End.Head, []);
        }
        End.Set(End.Seq, End.Offset + size, End.Head, []);
    }

    private void Follow(TranscriptEntry entry)
    {
        Ended |= entry.Kind == "end";
        var op = entry.Op ?? 0;
        switch (entry.Kind, entry.Outcome)
        {
            case ("statement", _):
                open.Add(entry.Effect is Contracts.Policy.Effect.Deny or Contracts.Policy.Effect.Hold ? -op : op);
                break;
            case ("hold-ended", "released") when open.Remove(-op):
                open.Add(op);
                break;
            case ("result", _):
                open.RemoveAll(o => Math.Abs(o) == op);
                break;
            default:
                break;
        }
    }
}

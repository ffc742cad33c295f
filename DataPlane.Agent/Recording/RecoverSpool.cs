using System.Text.Json;
using AccessPlane.Contracts;
using AccessPlane.Contracts.Messages;
using AccessPlane.Contracts.Transcripts;

namespace AccessPlane.Agent.Recording;

/// <summary>
/// At the start: takes up every transcript that an earlier process left. A session without an end died with that process; its transcript gets a
/// signed end that says so. A last line that was torn was never acknowledged to anyone: it is dropped and noted. What cannot be read is put
/// aside and reported; the others go on.
/// </summary>
internal sealed class RecoverSpool(Spool spool, TimeProvider clock)
{
    private readonly List<EvidenceGap> findings = [];

    public IReadOnlyList<EvidenceGap> Run()
    {
        foreach (var path in Directory.EnumerateFiles(spool.Folder, "*.transcript").Order(StringComparer.Ordinal).ToList())
        {
            if (NameOf(path) is not var (number, session))
            {
                continue;
            }
            if (new FileInfo(path).Length == 0)
            {
                // the session's first entry never arrived: there was no session
                File.Delete(SpoolFile.IndexOf(path));
                File.Delete(path);
                continue;
            }
            try
            {
                Adopt(path, session, number);
            }
            catch (Exception unreadable) when (unreadable is InvalidDataException or JsonException or IOException or FormatException)
            {
                spool.PutAside(path);
                findings.Add(new EvidenceGap(session, "spool-unreadable", $"the transcript of session {number} on the agent's disk cannot be read: {unreadable.Message}"));
            }
        }
        return findings;
    }

    private void Adopt(string path, Guid session, long number)
    {
        var (parts, accepted, indexBytes) = ReadIndex(SpoolFile.IndexOf(path));
        var sealedUpTo = parts.Count == 0
            ? new Mark(0, 0, HashChain.Begin(session))
            : new Mark(parts[^1].LastSeq, parts[^1].Offset + parts[^1].Length, Convert.FromHexString(parts[^1].Head));
        var unaccepted = parts.Where(p => p.Number > accepted).ToList();
        var tail = ReadEntries(path, unaccepted, sealedUpTo);
        var file = SpoolFile.Reopen(path, session, number, spool.Account);
        file.Resume(sealedUpTo, parts.Count == 0 ? 0 : parts[^1].Number, unaccepted, tail.End, indexBytes, tail.Ended);
        SessionRecorder? recorder = null;
        if (!tail.Ended)
        {
            recorder = new SessionRecorder(file, waitsForDisk: false, clock, _ => { });
            if (tail.Torn > 0)
            {
                var what = $"{tail.Torn} bytes after entry {tail.End.Seq} were torn";
                recorder.Fact("gap", what);
                findings.Add(new EvidenceGap(session, "spool-torn", what));
            }
            recorder.End("lost", null, $"the agent stopped while the session was open: what the resource did after entry {tail.End.Seq} is unknown");
        }
        file.Urgent = true;
        spool.Adopt(file, recorder);
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

    /// <summary>Checks the parts that the control plane does not hold yet against their seals, and reads what follows them.</summary>
    private static Tail ReadEntries(string path, List<SealedPart> unaccepted, Mark sealedUpTo)
    {
        using var file = File.OpenRead(path);
        foreach (var part in unaccepted)
        {
            var head = Convert.FromHexString(part.PreviousHead);
            var bytes = new byte[part.Length];
            file.Seek(part.Offset, SeekOrigin.Begin);
            file.ReadExactly(bytes);
            foreach (var line in WholeLines(bytes))
            {
                HashChain.Advance(head, line.Span);
            }
            if (Convert.ToHexStringLower(head) != part.Head)
            {
                throw new InvalidDataException($"part {part.Number} does not match its seal");
            }
        }
        file.Seek(sealedUpTo.Offset, SeekOrigin.Begin);
        var rest = new byte[file.Length - sealedUpTo.Offset];
        file.ReadExactly(rest);
        var end = sealedUpTo.Copy();
        var ended = unaccepted.Count > 0 && unaccepted[^1].Final;
        foreach (var line in WholeLines(rest))
        {
            if (!IsEntry(line.Span, end.Seq + 1, out var isEnd))
            {
                break;
            }
            HashChain.Advance(end.Head, line.Span);
            end.Set(end.Seq + 1, end.Offset + line.Length + 1, end.Head);
            ended |= isEnd;
        }
        return new Tail(end, ended, file.Length - end.Offset);
    }

    private static bool IsEntry(ReadOnlySpan<byte> line, long seq, out bool isEnd)
    {
        isEnd = false;
        try
        {
            var reader = new Utf8JsonReader(line);
            using var entry = JsonDocument.ParseValue(ref reader);
            if (reader.BytesConsumed != line.Length || entry.RootElement.GetProperty("seq").GetInt64() != seq)
            {
                return false;
            }
            isEnd = entry.RootElement.GetProperty("kind").ValueEquals("end");
            return true;
        }
        catch (Exception torn) when (torn is JsonException or KeyNotFoundException or InvalidOperationException)
        {
            return false;
        }
    }

    private static IEnumerable<ReadOnlyMemory<byte>> WholeLines(ReadOnlyMemory<byte> bytes)
    {
        for (int at = 0, end; (end = bytes.Span[at..].IndexOf((byte)'\n')) >= 0; at += end + 1)
        {
            yield return bytes.Slice(at, end);
        }
    }

    private static (long Number, Guid Session)? NameOf(string path)
    {
        var name = Path.GetFileNameWithoutExtension(path);
        return name.Length > 13 && long.TryParse(name.AsSpan(0, 12), out var number) && Guid.TryParseExact(name.AsSpan(13), "D", out var session)
            ? (number, session)
            : null;
    }

    /// <param name="Torn">Bytes after the last whole entry.</param>
    private sealed record Tail(Mark End, bool Ended, long Torn);
}

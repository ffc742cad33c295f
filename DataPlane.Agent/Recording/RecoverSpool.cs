using System.Text.Json;
using AccessPlane.Contracts.Messages;

namespace AccessPlane.Agent.Recording;

/// <summary>
/// At the start: takes up every transcript that an earlier process left. Its keys died with that process, so each waits until the control plane has
/// opened them. A session without an end died too: operations of which nobody knows whether the resource did them are recorded as that, and it gets a
/// signed end that says so. A last frame that was torn was never acknowledged to anyone: it is dropped and noted. What cannot be read is kept aside,
/// is a gap in the record, and is reported; everything else goes on.
/// </summary>
internal sealed class RecoverSpool(Spool spool, TimeProvider clock)
{
    private readonly Dictionary<Guid, LeftSession> left = [];

    /// <summary>Those that wait for their keys.</summary>
    public IReadOnlyCollection<LeftSession> Left => left.Values;

    /// <summary>Finds them.</summary>
    /// <returns>What was put aside, now or by earlier starts.</returns>
    public IReadOnlyList<EvidenceGap> Run()
    {
        Find(Directory.EnumerateFiles(spool.Folder, "*.transcript").Order(StringComparer.Ordinal).ToList());
        return [.. spool.Quarantine.Noted()];
    }

    /// <summary>Finds those.</summary>
    /// <returns>What was put aside of them.</returns>
    public IReadOnlyList<EvidenceGap> Find(IReadOnlyList<string> paths)
    {
        List<EvidenceGap> findings = [];
        foreach (var path in paths)
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
            spool.Took(number, session);
            try
            {
                left[session] = LeftSession.Read(path, session, number);
                spool.Account(left[session].Size);
                spool.Ages.Found(session, File.GetLastWriteTimeUtc(path));
            }
            catch (Exception unreadable) when (IsUnreadable(unreadable))
            {
                findings.Add(PutAside(path, session, number, unreadable.Message));
            }
        }
        return findings;
    }

    /// <summary>Takes one up.</summary>
    /// <param name="keys">Its keys in the order of <see cref="LeftSession.Wrapped"/>; null where they were not sealed for this control plane.</param>
    /// <returns>What could not be read of it.</returns>
    public IReadOnlyList<EvidenceGap> Take(Guid session, IReadOnlyList<byte[]>? keys)
    {
        if (!left.Remove(session, out var found))
        {
            return [];
        }
        spool.Account(-found.Size);
        var since = spool.Ages.TakeUp(session);
        try
        {
            return keys is null || keys.Count != found.Wrapped.Count
                ? [PutAside(found.Path, session, found.Number, "the control plane cannot open its key")]
                : Adopt(found, keys, since);
        }
        catch (Exception unreadable) when (IsUnreadable(unreadable))
        {
            return [PutAside(found.Path, session, found.Number, unreadable.Message)];
        }
    }

    private List<EvidenceGap> Adopt(LeftSession found, IReadOnlyList<byte[]> opened, long since)
    {
        var keys = new SpoolKeys();
        for (var i = 0; i < opened.Count; i++)
        {
            keys.Add(found.Wrapped[i].At, SpoolCipher.Opened(found.Session, opened[i]));
        }
        var lost = found.Unaccepted.Where(p => !found.Holds(p, keys)).ToList();
        if (found.Accepted == 0 && lost.Any(p => p.Number == 1))
        {
            throw new InvalidDataException("its beginning is not what was written");
        }
        var tail = found.Tail(keys);
        if (tail.End.Seq == 0)
        {
            throw new InvalidDataException("its beginning is not what was written");
        }
        List<EvidenceGap> findings = [];
        if (lost.Count > 0)
        {
            findings.Add(new EvidenceGap(found.Session, "spool-unreadable", string.Join(", ", lost.Select(p => $"entries {p.FirstSeq} to {p.LastSeq}")) + " are not what was written"));
        }
        if (tail.Torn > 0)
        {
            findings.Add(new EvidenceGap(found.Session, "spool-torn", $"{tail.Torn} bytes after entry {tail.End.Seq} were torn"));
        }
        findings.ForEach(f => spool.Quarantine.KeepCopy(found.Path, f));
        var ended = tail.Ended && !lost.Any(p => p.Final);
        var file = SpoolFile.Reopen(spool, found.Path, found.Session, found.Number, spool.NewKey(found.Session), keys);
        file.Resume(
            found.SealedUpTo, found.Parts.Count == 0 ? 0 : found.Parts[^1].Number, found.Unaccepted.Except(lost), tail.End, found.IndexBytes, ended, found.FirstKey, since);
        file.Urgent = true;
        spool.Adopt(file, ended ? null : Finish(file, tail, findings));
        return findings;
    }

    private SessionRecorder Finish(SpoolFile file, LeftTail tail, List<EvidenceGap> findings)
    {
        var recorder = new SessionRecorder(file, commit: null, clock, _ => { });
        findings.ForEach(f => recorder.Fact("gap", f.Detail));
        recorder.Unanswered(tail.Open);
        recorder.End("lost", null, $"the agent stopped while the session was open: what the resource did after entry {tail.End.Seq} is unknown");
        return recorder;
    }

    private EvidenceGap PutAside(string path, Guid session, long number, string why)
    {
        var gap = new EvidenceGap(session, "spool-unreadable", $"the transcript of session {number} on the agent's disk cannot be read: {why}");
        spool.Quarantine.Take(path, gap);
        return gap;
    }

    private static bool IsUnreadable(Exception failure) =>
        failure is InvalidDataException or JsonException or IOException or FormatException or System.Security.Cryptography.CryptographicException;

    private static (long Number, Guid Session)? NameOf(string path)
    {
        var name = Path.GetFileNameWithoutExtension(path);
        return name.Length > 13 && long.TryParse(name.AsSpan(0, 12), out var number) && Guid.TryParseExact(name.AsSpan(13), "D", out var session)
            ? (number, session)
            : null;
    }
}

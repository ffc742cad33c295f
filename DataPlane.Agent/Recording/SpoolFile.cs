using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using AccessPlane.Contracts;
using AccessPlane.Contracts.Transcripts;
using Microsoft.Win32.SafeHandles;

namespace AccessPlane.Agent.Recording;

/// <summary>A sealed run of entries, as the index beside the transcript keeps it: numbers and signatures must survive a restart unchanged.</summary>
/// <param name="Offset">Of its first byte in the transcript file.</param>
internal sealed record SealedPart(
    int Number, long FirstSeq, long LastSeq, long Offset, int Length, string PreviousHead, string Head, bool Final, string Signature);

/// <summary>One line of the index: a part that was sealed, or the number up to which the control plane has accepted them.</summary>
internal sealed record IndexLine(SealedPart? Sealed = null, int? Accepted = null);

/// <summary>
/// One session's transcript on disk with its index of sealed parts. The session writes, the drain seals and sends: <see cref="Guard"/> is held
/// by the session for a write and by the drain only to see how far the writing is; signing and reading happen outside.
/// </summary>
internal sealed class SpoolFile : IDisposable
{
    /// <summary>A part is closed when it has this many bytes, so that a message on the broker stays small however late the drain comes.</summary>
    public const int PartBytes = 128 << 10;

    private readonly SafeFileHandle data;
    private readonly SafeFileHandle index;
    private readonly Action<long> account;
    private readonly Queue<Mark> boundaries = new();
    private readonly Queue<SealedPart> waiting = new();
    private Mark written;
    private Mark cut;
    private long partFrom;
    private long indexLength;
    private int number;
    private bool final;

    private SpoolFile(string path, Guid session, long sessionNumber, Action<long> account, FileMode mode)
    {
        Path = path;
        Session = session;
        SessionNumber = sessionNumber;
        this.account = account;
        data = File.OpenHandle(path, mode, FileAccess.ReadWrite, FileShare.Read);
        index = File.OpenHandle(IndexOf(path), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.Read);
        written = new Mark(0, 0, HashChain.Begin(session));
        cut = written.Copy();
    }

    public Lock Guard { get; } = new();
    public string Path { get; }
    public Guid Session { get; }
    public long SessionNumber { get; }

    /// <summary>The `end` entry is written.</summary>
    public bool Ended { get; private set; }

    /// <summary>The first and the last entry are sealed at once; others may wait for company.</summary>
    public bool Urgent { get; set; }

    /// <summary>When the last part was cut, as a timestamp.</summary>
    public long CutAt { get; set; }

    public bool HasUnsealed => written.Seq > cut.Seq || boundaries.Count > 0;
    public bool HasFullPart => boundaries.Count > 0;

    /// <summary>How far the file is written.</summary>
    public Mark Written => written;

    public static string IndexOf(string path) => System.IO.Path.ChangeExtension(path, ".segments");

    public static SpoolFile Create(string folder, Guid session, long sessionNumber, Action<long> account) =>
        new(System.IO.Path.Combine(folder, $"{sessionNumber:D12}-{session:D}.transcript"), session, sessionNumber, account, FileMode.CreateNew);

    public static SpoolFile Reopen(string path, Guid session, long sessionNumber, Action<long> account) =>
        new(path, session, sessionNumber, account, FileMode.Open);

    /// <summary>Writes whole entries. On an error nothing counts as written: the next write goes over whatever arrived.</summary>
    public void Write(ReadOnlySpan<byte> entries, long lastSeq, ReadOnlySpan<byte> head, bool end)
    {
        RandomAccess.Write(data, entries, written.Offset);
        written.Set(lastSeq, written.Offset + entries.Length, head);
        account(entries.Length);
        Ended |= end;
        if (written.Offset - partFrom >= PartBytes)
        {
            boundaries.Enqueue(written.Copy());
            partFrom = written.Offset;
        }
    }

    public void FlushToDisk() => RandomAccess.FlushToDisk(data);

    /// <summary>Seals what is written, in as many parts as it has. Called by the drain alone.</summary>
    public void Seal(string agent, ECDsa key)
    {
        List<Mark> ends = [];
        bool ended;
        lock (Guard)
        {
            ends.AddRange(boundaries);
            boundaries.Clear();
            if (written.Seq > (ends.Count > 0 ? ends[^1].Seq : cut.Seq))
            {
                ends.Add(written.Copy());
                partFrom = written.Offset;
            }
            ended = Ended;
            Urgent = false;
        }
        for (var i = 0; i < ends.Count; i++)
        {
            var last = ended && i == ends.Count - 1;
            var part = Sign(agent, key, ends[i], last);
            AppendToIndex(new IndexLine(Sealed: part));
            lock (Guard)
            {
                cut = ends[i];
                number = part.Number;
                final |= last;
                waiting.Enqueue(part);
            }
        }
    }

    /// <summary>The oldest part that the control plane has not accepted; null where there is none.</summary>
    public SealedPart? Oldest()
    {
        lock (Guard)
        {
            return waiting.TryPeek(out var part) ? part : null;
        }
    }

    public Segment Read(SealedPart part, string agent)
    {
        var bytes = new byte[part.Length];
        for (var read = 0; read < bytes.Length;)
        {
            var got = RandomAccess.Read(data, bytes.AsSpan(read), part.Offset + read);
            read += got > 0 ? got : throw new InvalidDataException($"the spool of session {Session} is shorter than its index says");
        }
        return new Segment(
            Session, agent, part.Number, part.FirstSeq, part.LastSeq, part.PreviousHead, part.Head, part.Final, Encoding.UTF8.GetString(bytes), part.Signature);
    }

    /// <summary>The control plane holds this part: its bytes may go. True when that was the session's last one.</summary>
    public bool Accept(int accepted)
    {
        SealedPart? part;
        lock (Guard)
        {
            if (!waiting.TryPeek(out part) || part.Number != accepted)
            {
                return false;
            }
            waiting.Dequeue();
        }
        if (!part.Final)
        {
            AppendToIndex(new IndexLine(Accepted: accepted));
            if (DiskHole.Punch(data, part.Offset, part.Length))
            {
                account(-part.Length);
            }
            return false;
        }
        return true;
    }

    public void Delete()
    {
        account(-written.Offset);
        Dispose();
        File.Delete(IndexOf(Path));
        File.Delete(Path);
    }

    public void Dispose()
    {
        data.Dispose();
        index.Dispose();
    }

    /// <summary>Takes up where an earlier process was.</summary>
    internal void Resume(Mark sealedUpTo, int lastNumber, IEnumerable<SealedPart> unaccepted, Mark end, long indexBytes, bool ended)
    {
        cut = sealedUpTo;
        number = lastNumber;
        written = end;
        partFrom = sealedUpTo.Offset;
        indexLength = indexBytes;
        Ended = ended;
        foreach (var part in unaccepted)
        {
            waiting.Enqueue(part);
            final |= part.Final;
        }
        RandomAccess.SetLength(data, written.Offset);
        RandomAccess.SetLength(index, indexLength);
        account(written.Offset);
    }

    private SealedPart Sign(string agent, ECDsa key, Mark end, bool last)
    {
        var segment = new Segment(
            Session, agent, number + 1, cut.Seq + 1, end.Seq, Convert.ToHexStringLower(cut.Head), Convert.ToHexStringLower(end.Head), last, "", "").SignWith(key);
        return new SealedPart(
            segment.Number, segment.FirstSeq, segment.LastSeq, cut.Offset, (int)(end.Offset - cut.Offset), segment.PreviousHead, segment.Head, last, segment.Signature);
    }

    private void AppendToIndex(IndexLine line)
    {
        var bytes = Encoding.UTF8.GetBytes(JsonSerializer.Serialize(line, Json.Options) + "\n");
        RandomAccess.Write(index, bytes, indexLength);
        indexLength += bytes.Length;
    }
}

/// <summary>A place between two entries.</summary>
internal sealed class Mark(long seq, long offset, byte[] head)
{
    public long Seq { get; private set; } = seq;
    public long Offset { get; private set; } = offset;
    public byte[] Head { get; } = head;

    public void Set(long at, long after, ReadOnlySpan<byte> chain)
    {
        Seq = at;
        Offset = after;
        chain.CopyTo(Head);
    }

    public Mark Copy() => new(Seq, Offset, [.. Head]);
}

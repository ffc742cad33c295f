using System.Buffers;
using System.Security.Cryptography;
using System.Text;
using AccessPlane.Contracts.Transcripts;
using Microsoft.Win32.SafeHandles;

namespace AccessPlane.Agent.Recording;

/// <summary>
/// One session's transcript on disk, encrypted, with its index of sealed parts. The session writes, the drain seals and sends: <see cref="Guard"/> is
/// held by the session for a write and by the drain only to see how far the writing is; signing and reading happen outside. Chain and signatures are
/// over the entries as they were written, not over what encryption makes of them.
/// </summary>
internal sealed class SpoolFile : IDisposable
{
    /// <summary>A part is closed when it has this many bytes, so that a message on the broker stays small however late the drain comes.</summary>
    public const int PartBytes = 128 << 10;

    private readonly SafeFileHandle data;
    private readonly SpoolIndex index;
    private readonly Spool spool;
    private readonly SpoolCipher cipher;
    private readonly SpoolKeys keys;
    private readonly Queue<Mark> boundaries = new();
    private readonly Queue<SealedPart> waiting = new();
    private readonly Queue<(SealedPart Part, long Log, long Position)> copies = new();
    private Mark written;
    private Mark cut;
    private long partFrom;
    private long firstKey;
    private int number;
    private long held;
    private long copied;
    private int again;
    private bool announced;
    private long? waitsSince;

    private SpoolFile(string path, Guid session, long sessionNumber, SpoolCipher cipher, SpoolKeys keys, Spool spool, FileMode mode)
    {
        Path = path;
        Session = session;
        SessionNumber = sessionNumber;
        this.cipher = cipher;
        this.keys = keys;
        this.spool = spool;
        data = File.OpenHandle(path, mode, FileAccess.ReadWrite, FileShare.Read);
        index = new SpoolIndex(IndexOf(path), spool);
        written = new Mark(0, 0, HashChain.Begin(session));
        cut = written.Copy();
    }

    public Lock Guard { get; } = new();
    public string Path { get; }
    public Guid Session { get; }
    public long SessionNumber { get; }
    public SafeFileHandle Handle => data;

    public SpoolIndex Index => index;

    /// <summary>The `end` entry is written.</summary>
    public bool Ended { get; private set; }

    /// <summary>The first and the last entry are sealed at once; others may wait for company.</summary>
    public bool Urgent { get; set; }

    /// <summary>When the last part was cut, as a timestamp.</summary>
    public long CutAt { get; set; }

    /// <summary>Since when something of it waits for the control plane to take it, or since it last took something; null where nothing waits. As a timestamp.</summary>
    public long? WaitsSince
    {
        get
        {
            lock (Guard)
            {
                return waitsSince;
            }
        }
    }

    public bool HasUnsealed => written.Seq > cut.Seq || boundaries.Count > 0;
    public bool HasFullPart => boundaries.Count > 0;

    /// <summary>How far the file is written.</summary>
    public Mark Written => written;

    public static string IndexOf(string path) => System.IO.Path.ChangeExtension(path, ".segments");

    public static SpoolFile Create(Spool spool, Guid session, long sessionNumber, SpoolCipher cipher) => new(
        System.IO.Path.Combine(spool.Folder, $"{sessionNumber:D12}-{session:D}.transcript"), session, sessionNumber, cipher, new SpoolKeys(), spool,
        FileMode.CreateNew);

    /// <param name="cipher">A new key for what is still to be written.</param>
    /// <param name="keys">Those of what is there.</param>
    public static SpoolFile Reopen(Spool spool, string path, Guid session, long sessionNumber, SpoolCipher cipher, SpoolKeys keys) =>
        new(path, session, sessionNumber, cipher, keys, spool, FileMode.Open);

    /// <summary>Writes whole entries, in one frame and with one call. On an error nothing counts as written: the next write goes over whatever arrived.</summary>
    /// <param name="open">Operations without a result as of here, as <see cref="OpenOperations"/> tells them.</param>
    /// <exception cref="IOException">They cannot be written, or the transcript was put aside.</exception>
    public void Write(ReadOnlySpan<byte> entries, long lastSeq, ReadOnlySpan<byte> head, bool end, ReadOnlySpan<long> open)
    {
        if (data.IsClosed)
        {
            throw new IOException("its transcript was put aside");
        }
        var announcement = announced ? default : cipher.Announcement.AsSpan();
        var size = announcement.Length + entries.Length + SpoolCipher.Overhead;
        var frames = ArrayPool<byte>.Shared.Rent(size);
        try
        {
            announcement.CopyTo(frames);
            cipher.Encrypt(entries, written.Offset + announcement.Length, frames.AsSpan(announcement.Length, size - announcement.Length));
            spool.Write(data, frames.AsSpan(0, size), written.Offset);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(frames);
        }
        if (!announced)
        {
            announced = true;
            keys.Add(written.Offset, cipher);
            firstKey = written.Offset == 0 ? announcement.Length : firstKey;
        }
        written.Set(lastSeq, written.Offset + size, head, open);
        Account(size);
        waitsSince ??= spool.Ages.Now;
        Ended |= end;
        if (written.Offset - partFrom >= PartBytes)
        {
            boundaries.Enqueue(written.Copy());
            partFrom = written.Offset;
        }
    }

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
            var part = Sign(agent, key, ends[i], ended && i == ends.Count - 1);
            index.Append(new IndexLine(Sealed: part));
            lock (Guard)
            {
                cut = ends[i];
                number = part.Number;
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

    /// <exception cref="InvalidDataException">The disk does not hold what was written.</exception>
    public Segment Read(SealedPart part, string agent)
    {
        var entries = keys.Read(Bytes(part.Offset, part.Length), part.Offset, out var read);
        return read == part.Length
            ? new Segment(
                Session, agent, part.Number, part.FirstSeq, part.LastSeq, part.PreviousHead, part.Head, part.Final, Encoding.UTF8.GetString(entries), part.Signature)
            : throw new InvalidDataException($"entries {part.FirstSeq} to {part.LastSeq} are not what was written");
    }

    /// <summary>Everything that is in the file, for whoever looks at a session that has not ended.</summary>
    internal string Entries() => Encoding.UTF8.GetString(keys.Read(Bytes(0, (int)written.Offset), 0, out _));

    /// <summary>The control plane holds this part: its bytes are a copy now. True when that was the session's last one.</summary>
    /// <param name="position">Where the log of that log holds it; 0 where that is not known, and no checkpoint is waited for.</param>
    public bool Accept(int accepted, long log = 0, long position = 0)
    {
        SealedPart? part;
        lock (Guard)
        {
            if (!waiting.TryPeek(out part) || part.Number != accepted)
            {
                return false;
            }
            waiting.Dequeue();
            Progressed();
        }
        if (!part.Final)
        {
            index.Append(new IndexLine(Accepted: accepted));
            lock (Guard)
            {
                copies.Enqueue((part, log, position));
                Copied(RangeOf(part).Length);
            }
            Forget(new Witnessed(log, 0));
            return false;
        }
        return true;
    }

    /// <summary>Gives back the bytes of what a checkpoint covers.</summary>
    public void Forget(Witnessed witness)
    {
        lock (Guard)
        {
            int? last = null;
            while (!data.IsClosed && copies.TryPeek(out var oldest) && witness.Covers(oldest.Log, oldest.Position))
            {
                copies.Dequeue();
                last = oldest.Part.Number;
                var (from, length) = RangeOf(oldest.Part);
                Copied(-length);
                if (DiskHole.Punch(data, from, length))
                {
                    Account(-length);
                }
            }
            if (last is not null)
            {
                index.Append(new IndexLine(Forgotten: last));
            }
        }
    }

    /// <summary>The log that held them is no more: what there is a copy of waits again, before all that came after it.</summary>
    public void SendAgain(long log)
    {
        lock (Guard)
        {
            if (data.IsClosed || copies.All(c => c.Log == log))
            {
                return;
            }
            var after = waiting.ToArray();
            waiting.Clear();
            foreach (var part in copies.Select(c => c.Part).Concat(after))
            {
                waiting.Enqueue(part);
            }
            again = copies.Last().Part.Number;
            copies.Clear();
            Copied(-copied);
            waitsSince ??= spool.Ages.Now;
        }
    }

    /// <summary>The part that waits, where it was accepted once and waits again because the log that held it is no more; null otherwise.</summary>
    public SealedPart? Again(int part)
    {
        lock (Guard)
        {
            return part <= again && waiting.TryPeek(out var oldest) && oldest.Number == part ? oldest : null;
        }
    }

    /// <summary>A part that cannot be read is not waited for: those behind it go on, and the log sees what is missing.</summary>
    public void Pass(SealedPart part)
    {
        lock (Guard)
        {
            if (waiting.TryPeek(out var oldest) && oldest == part)
            {
                waiting.Dequeue();
                Progressed();
            }
        }
    }

    public void Delete()
    {
        Dispose();
        File.Delete(IndexOf(Path));
        File.Delete(Path);
    }

    public void Dispose()
    {
        lock (Guard)
        {
            Copied(-copied);
            Account(-held);
            data.Dispose();
            index.Dispose();
            keys.Dispose();
            cipher.Dispose();
        }
    }

    /// <summary>Takes up where an earlier process was.</summary>
    internal void Resume(Mark sealedUpTo, int lastNumber, IEnumerable<SealedPart> unaccepted, Mark end, long indexBytes, bool ended, long key, long since)
    {
        waitsSince = since;
        cut = sealedUpTo;
        number = lastNumber;
        written = end;
        partFrom = sealedUpTo.Offset;
        firstKey = key;
        Ended = ended;
        foreach (var part in unaccepted)
        {
            waiting.Enqueue(part);
        }
        RandomAccess.SetLength(data, written.Offset);
        index.Resume(indexBytes);
        Account(written.Offset - Math.Max(0, (waiting.TryPeek(out var first) ? first.Offset : sealedUpTo.Offset) - firstKey)); // what was accepted is a hole
    }

    /// <summary>Called under the guard.</summary>
    private void Progressed() => waitsSince = waiting.Count > 0 || HasUnsealed ? spool.Ages.Now : null;

    /// <summary>What goes with a part: the key of what follows stays.</summary>
    private (long From, long Length) RangeOf(SealedPart part) => (Math.Max(part.Offset, firstKey), part.Offset + part.Length - Math.Max(part.Offset, firstKey));

    private SealedPart Sign(string agent, ECDsa key, Mark end, bool last)
    {
        var segment = new Segment(
            Session, agent, number + 1, cut.Seq + 1, end.Seq, Convert.ToHexStringLower(cut.Head), Convert.ToHexStringLower(end.Head), last, "", "").SignWith(key);
        return new SealedPart(
            segment.Number, segment.FirstSeq, segment.LastSeq, cut.Offset, (int)(end.Offset - cut.Offset), segment.PreviousHead, segment.Head, last, segment.Signature,
            end.Open.ToArray());
    }

    private byte[] Bytes(long offset, int length)
    {
        var bytes = new byte[length];
        for (var read = 0; read < length;)
        {
            var got = RandomAccess.Read(data, bytes.AsSpan(read), offset + read);
            read += got > 0 ? got : throw new InvalidDataException($"the spool of session {Session} is shorter than its index says");
        }
        return bytes;
    }

    private void Copied(long bytes)
    {
        copied += bytes;
        spool.Copies.CountLive(bytes);
    }

    private void Account(long bytes)
    {
        Interlocked.Add(ref held, bytes);
        spool.Account(bytes);
    }
}

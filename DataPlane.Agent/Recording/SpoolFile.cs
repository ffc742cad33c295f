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

    private readonly SpoolFrames frames;
    private readonly SpoolParts parts = new();
    private readonly Spool spool;
    private readonly Queue<Mark> boundaries = new();
    private Mark written;
    private Mark cut;
    private long partFrom;
    private int number;
    private long held;
    private long copied;
    private long? waitsSince;

    private SpoolFile(string path, Guid session, long sessionNumber, SpoolCipher cipher, SpoolKeys keys, Spool spool, FileMode mode)
    {
        Path = path;
        Session = session;
        SessionNumber = sessionNumber;
        this.spool = spool;
        frames = new SpoolFrames(path, mode, cipher, keys, spool);
        Index = new SpoolIndex(IndexOf(path), spool);
        written = new Mark(0, 0, HashChain.Begin(session));
        cut = written.Copy();
    }

    public Lock Guard { get; } = new();
    public string Path { get; }
    public Guid Session { get; }
    public long SessionNumber { get; }
    public SafeFileHandle Handle => frames.Handle;
    public SpoolIndex Index { get; }

    /// <summary>The spool has room only for what must be recorded.</summary>
    public bool IsFull => spool.Frozen;

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

    /// <summary>Writes whole entries. On an error nothing counts as written: the next write goes over whatever arrived.</summary>
    /// <param name="open">Operations without a result as of here, as <see cref="OpenOperations"/> tells them.</param>
    /// <exception cref="IOException">They cannot be written, or the transcript was put aside.</exception>
    public void Write(ReadOnlySpan<byte> entries, long lastSeq, ReadOnlySpan<byte> head, bool end, ReadOnlySpan<long> open)
    {
        if (frames.IsClosed)
        {
            throw new IOException("its transcript was put aside");
        }
        var size = frames.Write(entries, written.Offset);
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
            Index.Append(new IndexLine(Sealed: part));
            lock (Guard)
            {
                cut = ends[i];
                number = part.Number;
                parts.Add(part);
            }
        }
    }

    /// <summary>The oldest part that the control plane has not accepted; null where there is none.</summary>
    public SealedPart? Oldest()
    {
        lock (Guard)
        {
            return parts.Oldest;
        }
    }

    /// <exception cref="InvalidDataException">The disk does not hold what was written.</exception>
    public Segment Read(SealedPart part, string agent)
    {
        var entries = frames.Read(part.Offset, part.Length, out var read);
        return read == part.Length
            ? part.With(Encoding.UTF8.GetString(entries), Session, agent)
            : throw new InvalidDataException($"entries {part.FirstSeq} to {part.LastSeq} are not what was written");
    }

    /// <summary>Everything that is in the file, for whoever looks at a session that has not ended.</summary>
    internal string Entries() => Encoding.UTF8.GetString(frames.Read(0, (int)written.Offset, out _));

    /// <summary>The control plane holds this part: its bytes are a copy now. True when that was the session's last one.</summary>
    /// <param name="position">Where the log of that log holds it; 0 where that is not known, and no checkpoint is waited for.</param>
    public bool Accept(int accepted, long log = 0, long position = 0)
    {
        SealedPart? part;
        lock (Guard)
        {
            part = parts.Oldest;
            if (part?.Number != accepted)
            {
                return false;
            }
            parts.Leave();
            Progressed();
        }
        if (!part.Final)
        {
            Index.Append(new IndexLine(Accepted: accepted));
            lock (Guard)
            {
                parts.Keep(part, log, position);
                Copied(frames.LengthOf(part));
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
            while (!frames.IsClosed && parts.Forget(witness) is { } part)
            {
                last = part.Number;
                Copied(-frames.LengthOf(part));
                if (frames.GiveBack(part))
                {
                    Account(-frames.LengthOf(part));
                }
            }
            if (last is not null)
            {
                Index.Append(new IndexLine(Forgotten: last));
            }
        }
    }

    /// <summary>The log that held them is no more: what there is a copy of waits again, before all that came after it.</summary>
    public void SendAgain(long log)
    {
        lock (Guard)
        {
            if (!frames.IsClosed && parts.SendAgain(log))
            {
                Copied(-copied);
                waitsSince ??= spool.Ages.Now;
            }
        }
    }

    /// <summary>The part that waits, where it was accepted once and waits again because the log that held it is no more; null otherwise.</summary>
    public SealedPart? Again(int part)
    {
        lock (Guard)
        {
            return parts.Oldest is { } oldest && oldest.Number == part && parts.WasHeld(oldest) ? oldest : null;
        }
    }

    /// <summary>A part that cannot be read is not waited for: those behind it go on, and the log sees what is missing.</summary>
    public void Pass(SealedPart part)
    {
        lock (Guard)
        {
            if (parts.Oldest == part)
            {
                parts.Leave();
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
            frames.Dispose();
            Index.Dispose();
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
        Ended = ended;
        foreach (var part in unaccepted)
        {
            parts.Add(part);
        }
        frames.Resume(written.Offset, key);
        Index.Resume(indexBytes);
        Account(written.Offset - frames.LengthBefore(parts.Oldest?.Offset ?? sealedUpTo.Offset)); // what was accepted is a hole
    }

    /// <summary>Called under the guard.</summary>
    private void Progressed() => waitsSince = parts.Oldest is not null || HasUnsealed ? spool.Ages.Now : null;

    private SealedPart Sign(string agent, ECDsa key, Mark end, bool last) => SealedPart.Of(
        new Segment(Session, agent, number + 1, cut.Seq + 1, end.Seq, Convert.ToHexStringLower(cut.Head), Convert.ToHexStringLower(end.Head), last, "", "").SignWith(key),
        cut, end);

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

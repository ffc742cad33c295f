using System.Collections.Concurrent;
using AccessPlane.Contracts.Messages;
using AccessPlane.Contracts.Policy;
using AccessPlane.Contracts.Transcripts;
using Microsoft.Win32.SafeHandles;

namespace AccessPlane.Agent.Recording;

/// <summary>
/// The evidence on this host's disk: one file a session under `spool`, encrypted, until the control plane holds all of it. Also the agent's chain of
/// sessions, which has no holes: the number is taken when the session's first entry is on disk.
/// </summary>
public sealed class Spool : IDisposable
{
    private readonly Lock guard = new();
    private readonly TimeProvider clock;
    private readonly SpoolLimits limits;
    private readonly WrapSpoolKey wrap;
    private readonly GroupCommit commit;
    private readonly SafeFileHandle any;
    private readonly SpoolRoom room;
    private readonly SessionChain sessions;
    private readonly ConcurrentDictionary<Guid, SpoolFile> files = [];
    private readonly ConcurrentDictionary<Guid, SessionRecorder> recorders = [];
    private volatile Witnessed witness = new(0, 0);
    private volatile bool setBack;
    private Witnessed? forgotten;

    /// <param name="state">The agent's state folder.</param>
    /// <param name="wrap">Wraps the key of each session for the control plane.</param>
    /// <param name="available">Bytes that the disk has left.</param>
    public Spool(string state, SpoolLimits limits, WrapSpoolKey wrap, TimeProvider clock, Func<long>? available = null)
        : this(state, limits, wrap, clock, available, new SpoolDisk())
    {
    }

    internal Spool(string state, SpoolLimits limits, WrapSpoolKey wrap, TimeProvider clock, Func<long>? available, SpoolDisk disk)
    {
        Folder = Directory.CreateDirectory(Path.Combine(state, "spool")).FullName;
        Quarantine = new SpoolQuarantine(state);
        this.limits = limits;
        this.wrap = wrap;
        this.clock = clock;
        Ages = new SpoolAges(clock);
        any = File.OpenHandle(Path.Combine(Folder, ".any"), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.ReadWrite);
        commit = new GroupCommit(disk, any, clock);
        sessions = new SessionChain(state);
        Copies = new SpoolCopies(Folder);
        room = new SpoolRoom(Folder, limits, clock, available ?? (() => new DriveInfo(Folder).AvailableFreeSpace));
    }

    public string Folder { get; }

    /// <summary>Of sessions that are not whole in the log.</summary>
    public long Bytes => room.Bytes;

    public double Fullness => room.Fullness;
    public bool TakesSessions => room.TakesSessions;
    public bool Frozen => room.Frozen;

    /// <summary>How long what waits for the control plane waits since it last took any of it: of the session that waits longest.</summary>
    public TimeSpan Waiting => Ages.Longest(Files.Select(f => f.WaitsSince));

    /// <summary>What the slowest flush of late took, or what one takes that is not over yet.</summary>
    public TimeSpan SlowestFlush => commit.Slowest;

    /// <summary>What people must look at while there is time; null where there is nothing.</summary>
    public string? Alert => limits.Alert(Fullness, Waiting);

    /// <summary>Frozen for so long that sessions must end.</summary>
    public bool MustEnd => room.MustEnd;

    /// <summary>Set by whoever drains: wakes it.</summary>
    internal Action Wake { get; set; } = () => { };

    /// <summary>Set by whoever forwards: called at once when the disk is full, before any timer looks.</summary>
    internal Action Full { get; set; } = () => { };

    /// <summary>Looked through at every tick: as they are at this moment, without a copy of them.</summary>
    internal IEnumerable<SpoolFile> Files => files.Select(f => f.Value);
    internal bool IsEmpty => files.IsEmpty;
    internal SpoolAges Ages { get; }
    internal SpoolCopies Copies { get; }
    internal SpoolQuarantine Quarantine { get; }

    /// <summary>How far checkpoints speak of the log: of what is behind that, a copy stays here.</summary>
    internal Witnessed Witnessed
    {
        get => witness;
        set
        {
            setBack |= value.Log != witness.Log;
            witness = value;
        }
    }

    /// <summary>Writes a session's first entry and gives the recorder of the rest.</summary>
    /// <param name="start">Given the session's number.</param>
    /// <param name="broken">Called when its evidence cannot be written any more: the session must end.</param>
    /// <exception cref="IOException">The entry cannot be written: there is no session.</exception>
    internal SessionRecorder Begin(Guid session, Func<long, SessionStart> start, Evidence evidence, Action<string> broken)
    {
        var cipher = SpoolCipher.New(session, wrap);
        lock (guard)
        {
            var file = SpoolFile.Create(this, session, sessions.Next, cipher);
            file.Index.Flushes = evidence == Evidence.Fsync;
            try
            {
                var recorder = new SessionRecorder(file, evidence == Evidence.Fsync ? commit : null, clock, broken);
                recorder.Start(start(sessions.Next) with { Previous = sessions.Last });
                sessions.Add(sessions.Next, session);
                files[session] = file;
                recorders[session] = recorder;
                Wake();
                return recorder;
            }
            catch (IOException)
            {
                file.Delete();
                throw;
            }
        }
    }

    /// <summary>A key for the rest of a transcript that an earlier process left.</summary>
    internal SpoolCipher NewKey(Guid session) => SpoolCipher.New(session, wrap);

    /// <summary>Takes up a transcript that an earlier process left.</summary>
    /// <param name="recorder">Of the end that is still to be written, where the disk did not take it at once.</param>
    internal void Adopt(SpoolFile file, SessionRecorder? recorder)
    {
        files[file.Session] = file;
        if (recorder is not null)
        {
            recorders[file.Session] = recorder;
        }
    }

    /// <summary>The number of a session that an earlier process began is taken.</summary>
    internal void Took(long number, Guid session)
    {
        lock (guard)
        {
            if (number >= sessions.Next)
            {
                sessions.Add(number, session);
            }
        }
    }

    /// <summary>Writes what waits in the recorders, and looks how full the disk is.</summary>
    internal void Tick()
    {
        foreach (var (session, recorder) in recorders)
        {
            recorder.Tick();
            if (recorder.Finished)
            {
                recorders.TryRemove(session, out _);
            }
        }
        Forget(room.Measure(Copies));
        room.Recover();
    }

    /// <summary>Where the disk is full, what was kept in reserve is given up for it.</summary>
    internal void Write(SafeFileHandle file, ReadOnlySpan<byte> bytes, long offset)
    {
        try
        {
            RandomAccess.Write(file, bytes, offset);
        }
        catch (IOException full) when (SpoolDisk.IsFull(full))
        {
            MakeRoom();
            RandomAccess.Write(file, bytes, offset);
        }
    }

    /// <summary>The disk is full: what was kept for this is given up, and nothing is forwarded until it is there again.</summary>
    internal void MakeRoom()
    {
        room.GiveUp(Full);
        Wake();
    }

    /// <summary>The control plane holds a part of a session; its last one takes the file away, once a checkpoint covers it.</summary>
    /// <param name="position">Where the log holds it; 0 where that is not known.</param>
    internal void Accept(Guid session, int number, long position = 0)
    {
        var now = witness;
        if (!files.TryGetValue(session, out var file) || !file.Accept(number, now.Log, position))
        {
            return;
        }
        files.TryRemove(session, out _);
        if (position == 0 || now.Covers(now.Log, position))
        {
            file.Delete();
        }
        else
        {
            file.Dispose();
            Copies.Keep(file.Path, now.Log, position);
        }
    }

    /// <summary>The control plane's log is another one than the one that held what there are copies of: they wait for it to take them.</summary>
    /// <returns>Whole transcripts, to be taken up as if an earlier process had left them.</returns>
    internal IReadOnlyList<string> GiveBack()
    {
        if (!setBack)
        {
            return [];
        }
        setBack = false;
        var log = witness.Log;
        foreach (var file in Files)
        {
            file.SendAgain(log);
        }
        return Copies.GiveBack(log);
    }

    /// <summary>Copies that a checkpoint covers go; where the others take more than they may, so do they.</summary>
    private void Forget(long most)
    {
        var now = witness;
        if (setBack)
        {
            return; // whoever drains takes them first
        }
        if (now != forgotten)
        {
            forgotten = now;
            foreach (var file in Files)
            {
                file.Forget(now);
            }
        }
        Copies.Forget(now, most);
        if (Copies.AllBytes > most)
        {
            foreach (var file in Files)
            {
                file.Forget(now with { Position = long.MaxValue });
            }
        }
    }

    /// <summary>A part of a transcript cannot be read: a copy is kept aside, the rest goes on, and the log sees what is missing.</summary>
    internal void Pass(SpoolFile file, SealedPart part, EvidenceGap why)
    {
        Quarantine.KeepCopy(file.Path, why);
        file.Pass(part);
        if (part.Final && files.TryRemove(file.Session, out _))
        {
            file.Delete();
        }
    }

    /// <summary>A part that was accepted once and is refused now, because the log has gone on without it, is no reason to end a session.</summary>
    /// <returns>Whether it is such a part.</returns>
    internal bool PassCopy(Guid session, int number, string why)
    {
        if (!files.TryGetValue(session, out var file) || file.Again(number) is not { } part)
        {
            return false;
        }
        Pass(file, part, new EvidenceGap(session, "segment-refused", why));
        return true;
    }

    /// <summary>Puts a transcript aside that the control plane refuses: the others go on.</summary>
    internal void PutAside(Guid session)
    {
        if (files.TryRemove(session, out var file))
        {
            recorders.TryRemove(session, out _);
            file.Dispose();
            Quarantine.Take(file.Path);
        }
    }

    internal void Account(long delta) => room.Account(delta);

    public void Dispose()
    {
        foreach (var recorder in recorders.Values)
        {
            recorder.Tick();
        }
        foreach (var file in files.Values)
        {
            file.Dispose();
        }
        sessions.Dispose();
        any.Dispose();
    }
}

using System.Collections.Concurrent;
using AccessPlane.Contracts.Policy;
using AccessPlane.Contracts.Transcripts;

namespace AccessPlane.Agent.Recording;

/// <summary>How full the spool may get, as shares of <see cref="SpoolLimits.Bytes"/> or of what the disk has left for it, whichever is less.</summary>
/// <param name="NoNewSessions">From here on nobody new is admitted.</param>
/// <param name="Frozen">From here on nothing is forwarded; below it forwarding resumes.</param>
/// <param name="EndAfter">Sessions that were frozen this long are ended.</param>
public sealed record SpoolLimits(long Bytes, double NoNewSessions, double Frozen, TimeSpan EndAfter)
{
    public static SpoolLimits Standard { get; } = new(8L << 30, 0.85, 0.95, TimeSpan.FromSeconds(60));
}

/// <summary>
/// The evidence on this host's disk: one file a session under `spool`, until the control plane holds all of it. Also the agent's count of
/// sessions, which has no holes: the number is taken when the session's first entry is on disk.
/// </summary>
public sealed class Spool : IDisposable
{
    private const int ReserveBytes = 1 << 20;

    private readonly Lock guard = new();
    private readonly string folder;
    private readonly TimeProvider clock;
    private readonly Func<long> available;
    private readonly SpoolLimits limits;
    private readonly FileStream counter;
    private readonly ConcurrentDictionary<Guid, SpoolFile> files = [];
    private readonly ConcurrentDictionary<Guid, SessionRecorder> recorders = [];
    private long bytes;
    private long next;
    private long? frozenSince;
    private volatile bool reserveUsed;
    private double fullness;

    /// <param name="state">The agent's state folder.</param>
    /// <param name="available">Bytes that the disk has left.</param>
    public Spool(string state, SpoolLimits limits, TimeProvider clock, Func<long>? available = null)
    {
        folder = Directory.CreateDirectory(Path.Combine(state, "spool")).FullName;
        Quarantine = Path.Combine(state, "quarantine");
        this.limits = limits;
        this.clock = clock;
        this.available = available ?? (() => new DriveInfo(folder).AvailableFreeSpace);
        counter = new FileStream(Path.Combine(state, "sessions.count"), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.Read, bufferSize: 0);
        next = ReadCount() + 1;
        HoldReserve();
    }

    /// <summary>Where transcripts go that cannot be read.</summary>
    public string Quarantine { get; }

    public string Folder => folder;
    public long Bytes => Interlocked.Read(ref bytes);
    public double Fullness => Volatile.Read(ref fullness);
    public bool TakesSessions => Fullness < limits.NoNewSessions && !reserveUsed;
    public bool Frozen => Fullness >= limits.Frozen;

    /// <summary>Frozen for so long that sessions must end.</summary>
    public bool MustEnd => frozenSince is { } since && clock.GetElapsedTime(since) >= limits.EndAfter;

    /// <summary>Set by whoever drains: wakes it.</summary>
    internal Action Wake { get; set; } = () => { };
    internal ICollection<SpoolFile> Files => files.Values;
    internal long LastNumber => next - 1;

    /// <summary>Writes a session's first entry and gives the recorder of the rest.</summary>
    /// <param name="start">Given the session's number.</param>
    /// <param name="broken">Called when its evidence cannot be written any more: the session must end.</param>
    /// <exception cref="IOException">The entry cannot be written: there is no session.</exception>
    internal SessionRecorder Begin(Guid session, Func<long, SessionStart> start, Evidence evidence, Action<string> broken)
    {
        lock (guard)
        {
            var file = SpoolFile.Create(folder, session, next, Account);
            try
            {
                var recorder = new SessionRecorder(file, evidence == Evidence.Fsync, clock, why =>
                {
                    ReleaseReserve();
                    broken(why);
                });
                recorder.Start(start(next));
                WriteCount(next);
                next++;
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

    /// <summary>Takes up a transcript that an earlier process left.</summary>
    /// <param name="recorder">Of the end that is still to be written, where the disk did not take it at once.</param>
    internal void Adopt(SpoolFile file, SessionRecorder? recorder)
    {
        files[file.Session] = file;
        if (recorder is not null)
        {
            recorders[file.Session] = recorder;
        }
        lock (guard)
        {
            if (file.SessionNumber >= next)
            {
                WriteCount(file.SessionNumber);
                next = file.SessionNumber + 1;
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
        var used = Bytes;
        var room = Math.Min(limits.Bytes, used + available());
        Volatile.Write(ref fullness, room <= 0 ? 1 : used / (double)room);
        frozenSince = Frozen ? frozenSince ?? clock.GetTimestamp() : null;
        if (reserveUsed && Fullness < limits.NoNewSessions)
        {
            HoldReserve();
        }
    }

    /// <summary>The control plane holds a part of a session; its last one takes the file away.</summary>
    internal void Accept(Guid session, int number)
    {
        if (files.TryGetValue(session, out var file) && file.Accept(number))
        {
            files.TryRemove(session, out _);
            file.Delete();
        }
    }

    /// <summary>Puts a transcript aside that cannot be read or that the control plane refuses: the others go on.</summary>
    internal void PutAside(Guid session)
    {
        if (files.TryRemove(session, out var file))
        {
            file.Dispose();
            PutAside(file.Path);
        }
    }

    internal void PutAside(string path)
    {
        Directory.CreateDirectory(Quarantine);
        foreach (var part in new[] { path, SpoolFile.IndexOf(path) }.Where(File.Exists))
        {
            File.Move(part, Path.Combine(Quarantine, Path.GetFileName(part)), overwrite: true);
        }
    }

    internal void Account(long delta) => Interlocked.Add(ref bytes, delta);

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
        counter.Dispose();
    }

    private string Reserve => Path.Combine(folder, ".reserve");

    /// <summary>Room that is given up when the disk is full, so that sessions can record their end.</summary>
    private void HoldReserve()
    {
        try
        {
            using var file = File.OpenHandle(Reserve, FileMode.Create, FileAccess.Write, preallocationSize: ReserveBytes);
            RandomAccess.Write(file, new byte[ReserveBytes], 0);
            reserveUsed = false;
        }
        catch (IOException)
        {
            // the disk is full already: nobody new is admitted until there is room for it
            reserveUsed = true;
            File.Delete(Reserve);
        }
    }

    private void ReleaseReserve()
    {
        if (!reserveUsed)
        {
            reserveUsed = true;
            File.Delete(Reserve);
            Wake();
        }
    }

    private long ReadCount()
    {
        Span<byte> text = stackalloc byte[20];
        var length = counter.Read(text);
        return length > 0 && long.TryParse(text[..length], null, out var count) ? count : 0;
    }

    private void WriteCount(long count)
    {
        Span<byte> text = stackalloc byte[20];
        count.TryFormat(text, out var written, "D20", null);
        counter.Seek(0, SeekOrigin.Begin);
        counter.Write(text[..written]);
    }
}

using AccessPlane.Contracts.Policy;
using AccessPlane.Contracts.Sql;
using AccessPlane.Contracts.Transcripts;

namespace AccessPlane.Agent.Recording;

/// <summary>
/// Writes one session's transcript: canonical entry bytes, hash-chained, to the session's spool file. Used by one session, which serialises its
/// calls. A method that records a statement returns only when the bytes are where the resource's evidence level wants them, because no byte of
/// an operation may reach the resource before that: with `fsync` evidence it takes as long as the disk takes (<see cref="WaitsForDisk"/>).
/// Results wait for the next statement or the next tick of the spool, so that a transaction costs one write. Steady state allocates nothing.
/// </summary>
public sealed class SessionRecorder : IDisposable
{
    private const int MostTold = 1024;

    private readonly TranscriptWriter writer = new();
    private readonly SpoolFile file;
    private readonly TimeProvider clock;
    private readonly Action<string> broken;
    private readonly byte[] head;
    private readonly HashSet<string> told = new(StringComparer.Ordinal);
    private readonly byte[] headBefore = new byte[HashChain.Size];
    private StatementFacts? lastFacts;
    private Scope? lastScope;
    private long seq;
    private long operations;
    private bool isBroken;
    private bool ended;

    internal SessionRecorder(SpoolFile file, bool waitsForDisk, TimeProvider clock, Action<string> broken)
    {
        this.file = file;
        this.clock = clock;
        this.broken = broken;
        WaitsForDisk = waitsForDisk;
        head = [.. file.Written.Head];
        seq = file.Written.Seq;
    }

    /// <summary>Whether <see cref="Statement"/> blocks for an fsync: call it off the threads that serve sockets then.</summary>
    public bool WaitsForDisk { get; }

    /// <summary>The end is recorded and on disk: nothing is left to do here.</summary>
    internal bool Finished { get; private set; }

    /// <summary>Records that an operation is about to be judged-and-forwarded or was refused.</summary>
    /// <param name="protocol">`simple`, `extended` or `function`.</param>
    /// <param name="text">The SQL text.</param>
    /// <param name="parameters">What Bind carried; empty for none.</param>
    /// <param name="facts">What the ruling is based on: recorded once a session.</param>
    /// <returns>The operation's number.</returns>
    /// <exception cref="IOException">The evidence cannot be written: the operation must not be forwarded. The session is being ended.</exception>
    public long Statement(string protocol, ReadOnlySpan<byte> text, in BoundParameters parameters, StatementFacts facts, Ruling ruling)
    {
        ArgumentNullException.ThrowIfNull(ruling);
        lock (file.Guard)
        {
            var (lengthBefore, seqBefore) = Mark();
            Basis(facts, ruling);
            Begin("statement"u8);
            writer.Operation(++operations);
            writer.Statement(protocol, text);
            writer.Parameters(parameters);
            writer.Judgement(facts, ruling);
            Close();
            Keep(lengthBefore, seqBefore);
            AgentMeter.Recorded(ruling.Effect);
            return operations;
        }
    }

    /// <summary>Records that an operation waits for people.</summary>
    /// <exception cref="IOException">The evidence cannot be written: it must not wait.</exception>
    public void Held(long op, Guid hold, DateTimeOffset until)
    {
        lock (file.Guard)
        {
            var (lengthBefore, seqBefore) = Mark();
            Begin("hold"u8);
            writer.Operation(op);
            writer.Hold(hold, until);
            Close();
            Keep(lengthBefore, seqBefore);
        }
    }

    /// <summary>Records how the waiting ended.</summary>
    /// <param name="mustBeKept">It is written before this returns, or not at all.</param>
    /// <exception cref="IOException">What must be kept cannot be written: the operation must not be forwarded.</exception>
    public void HoldEnded(long op, Guid hold, string outcome, string by, string why, bool mustBeKept)
    {
        lock (file.Guard)
        {
            if (!mustBeKept && (ended || isBroken))
            {
                return; // the session has ended on the record already, or its end says that the record is incomplete
            }
            var (lengthBefore, seqBefore) = Mark();
            Begin("hold-ended"u8);
            writer.Operation(op);
            writer.HoldEnded(hold, outcome, by, why);
            Close();
            if (mustBeKept)
            {
                Keep(lengthBefore, seqBefore);
            }
        }
    }

    /// <summary>Records how an operation ended.</summary>
    public void Result(long op, in OperationResult result)
    {
        lock (file.Guard)
        {
            if (ended)
            {
                return;
            }
            Begin("result"u8);
            writer.Operation(op);
            writer.Result(result);
            Close();
        }
    }

    /// <summary>Records a fact without further members: `cancel`, `freeze`, `thaw`, `gap`.</summary>
    public void Fact(string kind, string? note)
    {
        lock (file.Guard)
        {
            if (ended)
            {
                return;
            }
            Begin(System.Text.Encoding.UTF8.GetBytes(kind));
            writer.Note(note);
            Close();
        }
    }

    /// <summary>Records that a detector found something in an operation's results; the value is nowhere.</summary>
    public void Detected(long op, string rule, string detector, string column, int count)
    {
        lock (file.Guard)
        {
            if (ended)
            {
                return;
            }
            Begin("detected"u8);
            writer.Operation(op);
            writer.Detected(rule, detector, column, count);
            Close();
        }
    }

    /// <summary>Records the end; the last segment is sealed behind it. Where the disk refuses even that, it is tried again until it succeeds.</summary>
    public void End(string cause, TimeSpan? cut, string? note)
    {
        lock (file.Guard)
        {
            if (ended)
            {
                return;
            }
            ended = true;
            Begin("end"u8);
            writer.Cause(cause, cut is { } took ? (long)took.TotalMicroseconds : null);
            writer.Note(note);
            Close();
            file.Urgent = true;
        }
        Tick();
    }

    /// <summary>The session let go of it. One that never recorded its end failed in a way it did not foresee.</summary>
    public void Dispose() => End("protocol", null, "the session ended without recording why");

    internal void Start(SessionStart start)
    {
        lock (file.Guard)
        {
            Begin("start"u8);
            writer.Start(start);
            Close();
            file.Urgent = true;
            Flush();
            if (WaitsForDisk)
            {
                file.FlushToDisk();
            }
        }
    }

    /// <summary>Writes what waits. Called by the spool every tick.</summary>
    internal void Tick()
    {
        lock (file.Guard)
        {
            if (writer.Length == 0)
            {
                Finished = ended;
                return;
            }
            try
            {
                Flush();
                Finished = ended;
            }
            catch (IOException)
            {
                Break("the record of its results could not be written");
            }
        }
        if (Finished)
        {
            writer.Dispose();
        }
    }

    /// <summary>What a statement will name stands before it. Where it is forgotten that something stands there already, it stands there twice.</summary>
    private void Basis(StatementFacts facts, Ruling ruling)
    {
        if (ruling.Context is not { } context)
        {
            return;
        }
        if (!ReferenceEquals(context.Scope, lastScope) && IsNew(RecordedFacts.Of(context.Scope)))
        {
            Begin("scope"u8);
            writer.Scope(RecordedFacts.Of(context.Scope));
            Close();
        }
        if (!ReferenceEquals(facts, lastFacts) && IsNew(RecordedFacts.Of(facts)))
        {
            Begin("facts"u8);
            writer.Facts(RecordedFacts.Of(facts));
            Close();
        }
        (lastScope, lastFacts) = (context.Scope, facts);
    }

    private bool IsNew(RecordedFacts basis)
    {
        if (told.Count == MostTold)
        {
            told.Clear();
        }
        return told.Add(basis.Hash);
    }

    /// <summary>Where an entry begins that must be kept, or taken back.</summary>
    private (int Length, long Seq) Mark()
    {
        if (isBroken || ended)
        {
            throw new IOException("the session's evidence cannot be written");
        }
        head.CopyTo(headBefore, 0);
        return (writer.Length, seq);
    }

    /// <summary>Writes the entry to where the resource's evidence level wants it.</summary>
    private void Keep(int lengthBefore, long seqBefore)
    {
        try
        {
            Flush();
            if (WaitsForDisk)
            {
                file.FlushToDisk();
            }
        }
        catch (IOException)
        {
            // what was not forwarded must not stand in the record as if it had been; earlier results stay
            if (writer.Length > 0)
            {
                writer.Truncate(lengthBefore);
                seq = seqBefore;
                headBefore.CopyTo(head, 0);
            }
            Break("its record could not be written");
            throw;
        }
    }

    private void Begin(ReadOnlySpan<byte> kind) => writer.Begin(++seq, clock.GetUtcNow(), kind);

    private void Close() => HashChain.Advance(head, writer.End());

    private void Flush()
    {
        file.Write(writer.Pending, seq, head, ended);
        writer.Clear();
    }

    private void Break(string why)
    {
        if (!isBroken)
        {
            isBroken = true;
            broken(why);
        }
    }
}

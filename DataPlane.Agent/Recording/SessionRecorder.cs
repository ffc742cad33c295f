using AccessPlane.Contracts.Policy;
using AccessPlane.Contracts.Sql;
using AccessPlane.Contracts.Transcripts;

namespace AccessPlane.Agent.Recording;

/// <summary>
/// Writes one session's transcript: canonical entry bytes, hash-chained, to the session's spool file. Used by one session, which serialises its
/// calls. No byte of an operation may reach the resource before its record is where the resource's evidence level wants it: it is written when the
/// method that records a statement returns, and it outlives the host, where that is wanted, when <see cref="Kept"/> says so.
/// Results wait for the next statement or the next tick of the spool, so that a transaction costs one write. Steady state allocates nothing.
/// </summary>
public sealed class SessionRecorder : IDisposable
{
    private readonly TranscriptWriter writer = new();
    private readonly SpoolFile file;
    private readonly GroupCommit? commit;
    private readonly TimeProvider clock;
    private readonly Action<string> broken;
    private readonly byte[] head;
    private readonly ToldBases told = new();
    private readonly byte[] headBefore = new byte[HashChain.Size];
    private readonly OpenOperations open = new();
    private long seq;
    private long operations;
    private long toKeep;
    private long kept;
    private volatile bool isBroken;
    private bool ended;

    /// <param name="commit">Where the resource wants evidence that outlives the host.</param>
    internal SessionRecorder(SpoolFile file, GroupCommit? commit, TimeProvider clock, Action<string> broken)
    {
        this.file = file;
        this.commit = commit;
        this.clock = clock;
        this.broken = broken;
        head = [.. file.Written.Head];
        seq = file.Written.Seq;
    }

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
            open.Add(operations, mayReach: ruling.Effect is not (Effect.Deny or Effect.Hold));
            Keep(lengthBefore, seqBefore, operations);
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
                open.Released(op);
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
            open.Close(op);
        }
    }

    /// <summary>Records rows that an operation returned, before its result.</summary>
    /// <returns>False where there is no room for them: they are counted.</returns>
    public bool Rows(long op, in SeenRows rows)
    {
        lock (file.Guard)
        {
            if (ended || isBroken)
            {
                return false;
            }
            // INVARIANT: what waits here to be written stays small, and what little room a full spool has is for what must be recorded
            var hasRoom = writer.Length < SpoolFile.PartBytes && !file.IsFull;
            var seen = hasRoom ? rows : rows.Counted();
            writer.Expect(2 * (seen.Columns.Length + seen.Rows.Length));
            Begin("rows"u8);
            writer.Operation(op);
            writer.Rows(seen);
            Close();
            if (writer.Length >= SpoolFile.PartBytes)
            {
                FlushResults();
            }
            return hasRoom;
        }
    }

    /// <summary>Completes when everything that was recorded so far is where the resource's evidence level wants it. Asked before anything is forwarded.</summary>
    /// <returns>False where it never will be: nothing may be forwarded, and the session is being ended.</returns>
    public ValueTask<bool> Kept()
    {
        if (commit is null)
        {
            return new(true);
        }
        var upTo = Interlocked.Read(ref toKeep);
        return isBroken ? new(false) : Interlocked.Read(ref kept) >= upTo ? new(true) : new(KeptOnDisk(upTo));
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
            toKeep++;
        }
    }

    /// <summary>Of a session whose process died: what became of its open operations, as far as anyone can say.</summary>
    /// <param name="left">As <see cref="OpenOperations"/> tells them.</param>
    internal void Unanswered(IEnumerable<long> left)
    {
        lock (file.Guard)
        {
            foreach (var op in left)
            {
                Begin("result"u8);
                writer.Operation(Math.Abs(op));
                writer.Outcome(op > 0 ? "indeterminate" : "refused");
                Close();
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
            Finished = FlushResults() && ended;
        }
        if (Finished)
        {
            writer.Dispose();
        }
    }

    /// <returns>Whether nothing waits any more.</returns>
    private bool FlushResults()
    {
        try
        {
            Flush();
            return true;
        }
        catch (IOException full) when (SpoolDisk.IsFull(full))
        {
            return false; // nothing is forwarded meanwhile; what waits here is written when there is room
        }
        catch (IOException)
        {
            Break("the record of its results could not be written");
            return false;
        }
    }

    /// <summary>What a statement will name stands before it.</summary>
    private void Basis(StatementFacts facts, Ruling ruling)
    {
        if (ruling.Context is not { } context)
        {
            return;
        }
        if (told.New(context.Scope) is { } scope)
        {
            Begin("scope"u8);
            writer.Scope(scope);
            Close();
        }
        if (told.New(facts) is { } basis)
        {
            Begin("facts"u8);
            writer.Facts(basis);
            Close();
        }
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

    /// <summary>Writes the entry, so that it survives this process.</summary>
    /// <param name="opened">The operation that begins with it.</param>
    private void Keep(int lengthBefore, long seqBefore, long? opened = null)
    {
        try
        {
            Flush();
            Interlocked.Increment(ref toKeep);
        }
        catch (IOException)
        {
            // what was not forwarded must not stand in the record as if it had been; earlier results stay
            writer.Truncate(lengthBefore);
            seq = seqBefore;
            headBefore.CopyTo(head, 0);
            if (opened is { } op)
            {
                open.Close(op);
            }
            Break("its record could not be written");
            throw;
        }
    }

    private async Task<bool> KeptOnDisk(long upTo)
    {
        try
        {
            await commit!.Join(file.Handle, isNew: Interlocked.Read(ref kept) == 0);
        }
        catch (IOException)
        {
            lock (file.Guard)
            {
                Break("its record did not reach the disk");
            }
            return false;
        }
        for (long known; (known = Interlocked.Read(ref kept)) < upTo && Interlocked.CompareExchange(ref kept, upTo, known) != known;)
        {
        }
        return !isBroken;
    }

    private void Begin(ReadOnlySpan<byte> kind) => writer.Begin(++seq, clock.GetUtcNow(), kind);

    private void Close() => HashChain.Advance(head, writer.End());

    private void Flush()
    {
        file.Write(writer.Pending, seq, head, ended, open.All);
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

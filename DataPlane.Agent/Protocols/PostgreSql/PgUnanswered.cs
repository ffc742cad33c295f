using AccessPlane.Contracts.Policy;

namespace AccessPlane.Agent.Protocols.PostgreSql;

/// <summary>What a client message asks of the server.</summary>
internal enum Ask : byte { Parse, Bind, DescribeStatement, DescribePortal, Execute, Close, Sync, Query }

/// <summary>A client message that was forwarded and not yet answered.</summary>
internal struct PgAsked
{
    public Ask Ask;

    /// <summary>0 where it is no operation.</summary>
    public long Op;
    public PgText? Text;

    /// <summary>Set where another message that must fail went to the server in its place.</summary>
    public PgRefusal? Refusal;

    /// <summary>Set where the rows that it changes are counted.</summary>
    public PgBoundedWrite? Write;

    /// <summary>What came back of it.</summary>
    public long Rows;
    public long Bytes;

    /// <summary>Of a portal or cursor, what came back of it before is part of it.</summary>
    public PgTaken? Taken;

    /// <summary>Set where more came back than may: nothing further of it reaches the client.</summary>
    public PgRefusal? Stopped;

    /// <summary>Set where it took longer than it may and was cancelled: told in the place of the cancellation.</summary>
    public PgRefusal? Late;

    /// <summary>Parse under a name that is taken here: whether it still is at the server, the answer tells.</summary>
    public bool IsTaken;

    /// <summary>Of a name's change: what is to be put back when the server does not do it.</summary>
    public byte[]? Name;
    public PgText? OldStatement;
    public PgPortal? OldPortal;

    /// <summary>What must not show of its results; null where no mask is in force.</summary>
    public PgHiding? Hiding;

    /// <summary>How much of its rows is recorded; null for nothing.</summary>
    public RecordedRows? RecordRows;

    /// <summary>Of Execute under masks.</summary>
    public byte[]? Portal;

    /// <summary>Of the agent's own question what the session has become (<see cref="PgDoubt"/>): the client does not hear its answer.</summary>
    public bool IsLook;

    /// <summary>A Describe of the agent's own, for the Execute behind it: the client does not hear its answer.</summary>
    public bool IsInjected;

    /// <summary>Close: whether the name is a portal's.</summary>
    public bool IsPortal;

    /// <summary>Describe of a statement: the parameters' description has come.</summary>
    public bool HalfAnswered;

    public readonly bool EndsUnit => Ask is Ask.Sync or Ask.Query;
}

/// <summary>The client's unanswered messages in order. Every message of the server must fit the first of them.</summary>
internal sealed class PgUnanswered
{
    /// <summary>Far more than the server can leave unanswered in its own send buffer, so that waiting for answers never waits for ever.</summary>
    public const int Most = 16 * 1024;

    private PgAsked[] ring = new PgAsked[4];
    private int first;

    public int Count { get; private set; }

    /// <summary>Sync and Query messages among them: each will be answered by a ReadyForQuery.</summary>
    public int UnitEnds { get; private set; }

    /// <summary>What some of them do, the server alone can say: nothing more is sent before all are answered.</summary>
    public bool AllAwaited { get; private set; }

    public void AwaitAll() => AllAwaited = true;

    public ref PgAsked this[int index] => ref ring[(first + index) & (ring.Length - 1)];

    public ref PgAsked Add(Ask ask)
    {
        if (Count == ring.Length)
        {
            var larger = new PgAsked[Count * 2];
            for (var i = 0; i < Count; i++)
            {
                larger[i] = this[i];
            }
            (ring, first) = (larger, 0);
        }
        ref var added = ref this[Count];
        added = default;
        added.Ask = ask;
        Count++;
        UnitEnds += added.EndsUnit ? 1 : 0;
        return ref added;
    }

    public void RemoveFirst()
    {
        UnitEnds -= this[0].EndsUnit ? 1 : 0;
        this[0] = default;
        first = (first + 1) & (ring.Length - 1);
        Count--;
        AllAwaited &= Count > 0;
    }

    /// <summary>How many an error skips: everything before the next Sync.</summary>
    public int UpToSync()
    {
        var i = 0;
        while (i < Count && this[i].Ask != Ask.Sync)
        {
            i++;
        }
        return i;
    }
}

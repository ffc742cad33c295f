using AccessPlane.Agent.Relay;

namespace AccessPlane.Agent.Protocols.PostgreSql;

/// <summary>
/// Client → server: a closed list of messages per state, each decoded by the one decoder that consumes it exactly, judged and recorded before it
/// passes. What is allowed passes as its original bytes.
/// </summary>
internal sealed class PgClientSide(PgState state)
{
    /// <summary>Query and Parse beyond this are refused unread.</summary>
    public const int LongestText = 1024 * 1024;

    /// <summary>Messages of names only, as PostgreSQL bounds them.</summary>
    private const int LongestSmall = 10_000;

    /// <summary>A Bind up to here is held whole and recorded with its parameters; a longer one passes as it comes, recorded by size and hash.</summary>
    public const int LongestHeldBind = LongestText;

    private readonly PgClientQueries queries = new(state);
    private readonly PgClientExtended extended = new(state);
    private PgLongBind? longBind;
    private long passing;
    private long dropping;

    /// <summary>False in the middle of a message whose start has passed.</summary>
    public bool IsBetweenMessages => passing == 0;

    public Verdict Look(ReadOnlySpan<byte> pending)
    {
        if (passing > 0 || dropping > 0)
        {
            return Stream(pending);
        }
        if (pending.Length < PgFrame.Header)
        {
            return Verdict.More(PgFrame.Header);
        }
        var (type, length) = ((char)pending[0], PgFrame.LengthAt(pending));
        if (length is < 4 or > PgFrame.MaxLength)
        {
            return Break("invalid message length");
        }
        if (state.CopyIn)
        {
            return CopyFrame(pending, type, length);
        }
        if (!"QPBEDCSHXFdcf".Contains(type, StringComparison.Ordinal))
        {
            return Break($"invalid frontend message type {(int)type}");
        }
        if (state.MustWait)
        {
            return Verdict.Hold;
        }
        if (state.Results.MustBeAnswered(type))
        {
            return Verdict.Rewrite(0, PgFrame.Flush); // and then wait: what comes now must not be done if the answer is not as it may be
        }
        if (type is 'd' or 'c' or 'f' || (state.Skipping && type is not ('S' or 'X')))
        {
            return Drop(pending, length); // as the server would
        }
        return state.Doubt.IsOpen && type is ('Q' or 'P' or 'B' or 'E') && Look() is { } first ? first : Message(pending, type, length);
    }

    /// <summary>Code has run that could not be read: what comes before is answered, and what the session has become is looked at, before anything is judged.</summary>
    private Verdict? Look()
    {
        if (state.Unanswered.Count > 0)
        {
            state.Unanswered.AwaitAll();
            return Verdict.Rewrite(0, PgFrame.Flush);
        }
        return state.Transaction == 'E' ? null : Verdict.Rewrite(0, state.Doubt.AskWithin());
    }

    private Verdict Message(ReadOnlySpan<byte> pending, char type, int length)
    {
        var longest = type switch { 'Q' or 'P' => LongestText + 1024, 'B' => LongestHeldBind, 'F' => 0, _ => LongestSmall };
        if (length > longest)
        {
            return TooLong(pending, type, length);
        }
        if (pending.Length <= length)
        {
            return Verdict.More(length + 1);
        }
        var body = pending[PgFrame.Header..(length + 1)];
        return type switch
        {
            'Q' => queries.Query(pending[..(length + 1)]),
            'P' => extended.Parse(body, pending[(length + 1)..], length + 1),
            'B' => extended.Bind(body, length + 1),
            'D' => extended.Describe(body, length + 1),
            'E' => extended.Execute(body, length + 1),
            'C' => extended.Close(body, length + 1),
            'H' => length == 4 ? Verdict.Forward(length + 1) : extended.Refusals.Malformed(length + 1),
            'S' => length == 4 ? extended.Sync(length + 1) : Break("invalid message format"),
            _ => length == 4 ? Verdict.Leave(length + 1) : Break("invalid message format"),
        };
    }

    private Verdict TooLong(ReadOnlySpan<byte> pending, char type, int length)
    {
        switch (type)
        {
            case 'Q':
                return Swallow(pending, length, queries.TooLong(length));
            case 'P':
                return Swallow(pending, length, extended.Refusals.TooLong(length));
            case 'F':
                return Swallow(pending, length, queries.FunctionCall());
            case 'B':
                return LongBind(pending, length);
            default:
                return Break("invalid message length");
        }
    }

    private Verdict LongBind(ReadOnlySpan<byte> pending, int length)
    {
        if (pending.Length < LongestHeldBind)
        {
            return Verdict.More(LongestHeldBind);
        }
        var start = pending[PgFrame.Header..];
        if (!PgBind.TryReadHead(start, out var bind, out var parameters))
        {
            return Break("invalid message format");
        }
        var verdict = extended.LongBind(bind, parameters, length, out var op);
        if (verdict.Act == Act.Prepare)
        {
            return verdict;
        }
        if (verdict.Act != Act.Forward)
        {
            return Swallow(pending, length, verdict.Replacement);
        }
        longBind = new PgLongBind(op, parameters, length - 4 - bind.ValuesAt);
        passing = length + 1L;
        return Stream(pending, PgFrame.Header + bind.ValuesAt);
    }

    private Verdict Swallow(ReadOnlySpan<byte> pending, int length, ReadOnlyMemory<byte> replacement)
    {
        var here = (int)Math.Min(pending.Length, length + 1L);
        dropping = length + 1L - here;
        return Verdict.Rewrite(here, replacement);
    }

    private Verdict Drop(ReadOnlySpan<byte> pending, int length)
    {
        dropping = length + 1L;
        return Stream(pending);
    }

    /// <summary>The rest of a message whose fate is known.</summary>
    /// <param name="before">Bytes at the front that have been looked at.</param>
    private Verdict Stream(ReadOnlySpan<byte> pending, int before = 0)
    {
        if (pending.IsEmpty)
        {
            return Verdict.More(1);
        }
        var part = (int)Math.Min(passing + dropping, pending.Length);
        if (dropping > 0)
        {
            dropping -= part;
            return Verdict.Drop(part);
        }
        passing -= part;
        if (longBind is { } bind)
        {
            if (!bind.Read(pending[before..part]))
            {
                return Break("invalid message format");
            }
            if (passing == 0)
            {
                longBind = null;
                state.Oversight.Fact("parameters", bind.Note());
            }
        }
        else if (state.CopyIn) // otherwise the copy failed in the middle of this message: the rest counts for nothing
        {
            state.Copy.Read(pending[before..part]);
        }
        return Verdict.Forward(part);
    }

    private Verdict CopyFrame(ReadOnlySpan<byte> pending, char type, int length)
    {
        switch (type)
        {
            case 'd':
                passing = length + 1L;
                return Stream(pending, PgFrame.Header);
            case 'c' when length == 4:
                state.EndCopyIn("done");
                return Verdict.Forward(length + 1);
            case 'f' when length <= LongestSmall:
                if (pending.Length <= length)
                {
                    return Verdict.More(length + 1);
                }
                state.EndCopyIn("given up by the client");
                return Verdict.Forward(length + 1);
            case 'H' or 'S' when length == 4:
                return Verdict.Drop(length + 1); // the server ignores them here
            case 'X' when length == 4:
                return Break("the client left in the middle of a copy");
            default:
                return Break($"unexpected message type {(int)type} during copy from stdin");
        }
    }

    private Verdict Break(string why)
    {
        state.Broken ??= why;
        state.BrokenByClient = true;
        return Verdict.Kill;
    }
}

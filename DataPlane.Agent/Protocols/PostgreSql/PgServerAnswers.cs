using System.Text;

namespace AccessPlane.Agent.Protocols.PostgreSql;

/// <summary>What each message of the server answers: it must fit the first unanswered message of the client; what fits none ends both sides.</summary>
internal sealed partial class PgServerAnswers(PgState state)
{
    private const int LongestHeld = 64 * 1024;

    private readonly PgUnanswered unanswered = state.Unanswered;

    public Fit Classify(ReadOnlySpan<byte> frame, int length)
    {
        if (unanswered.Count > 0 && unanswered[0].IsLook && frame[0] is not ((byte)'N' or (byte)'A' or (byte)'S' or (byte)'Z'))
        {
            return state.Doubt.Answers(frame, length);
        }
        var fit = Answer(frame, length);
        if (fit == Fit.Passes && frame[0] is (byte)'N' or (byte)'A' or (byte)'S' && state.Redaction.Guards)
        {
            return Fit.Drops; // words of the server, which could hold what is hidden
        }
        return fit is Fit.Passes or Fit.Keeps or Fit.Redacts && state.Muted && frame[0] is not ((byte)'Z' or (byte)'N' or (byte)'A' or (byte)'S') ? Fit.Drops : fit;
    }

    private Fit Answer(ReadOnlySpan<byte> frame, int length) => (char)frame[0] switch
    {
        'D' => Row(length),
        'd' => CopyData(length),
        '1' => Answers(Ask.Parse, length),
        '2' => Answers(Ask.Bind, length),
        '3' => Answers(Ask.Close, length),
        'T' => Described(frame, length),
        't' => ParameterDescription(),
        'n' => length == 4 && !IsAt(Ask.Query) ? NoData() : Fit.Misfit,
        'C' => length > LongestHeld ? Fit.Misfit : Whole(frame, length) ? Completed(frame[..(length + 1)]) : Fit.Incomplete,
        'I' => length == 4 ? Finished(default) : Fit.Misfit,
        's' => length == 4 ? Suspended() : Fit.Misfit,
        'Z' => length != 5 ? Fit.Misfit : Whole(frame, length) ? Ready(Body(frame, length)) : Fit.Incomplete,
        'G' => CopyBegins(copyIn: true),
        'H' => CopyOutBegins(frame, length),
        'c' => CopyEnds(length),
        'S' => Whole(frame, length) ? Parameter(Body(frame, length)) : length > LongestHeld ? Fit.Misfit : Fit.Incomplete,
        'N' or 'A' => Fit.Passes,
        _ => Fit.Misfit, // authentication, keys, function results, COPY BOTH: never in a session
    };

    private static bool Whole(ReadOnlySpan<byte> frame, int length) => frame.Length > length;

    private static ReadOnlySpan<byte> Body(ReadOnlySpan<byte> frame, int length) => frame[PgFrame.Header..(length + 1)];

    private bool IsAt(Ask ask) => unanswered.Count > 0 && unanswered[0].Ask == ask && unanswered[0].Refusal is null;

    private bool Runs => IsAt(Ask.Execute) || IsAt(Ask.Query);

    private Fit Row(int length)
    {
        if (!Runs)
        {
            return Fit.Misfit;
        }
        ref var asked = ref unanswered[0];
        if (asked.Stopped is not null || !state.Results.Take(ref asked, length - 4))
        {
            return Fit.Drops;
        }
        state.Operations.Row(asked.Op, length - 4);
        if (asked.Hiding is not { } hiding)
        {
            return Passes(asked);
        }
        // INVARIANT: under masks no row passes whose columns are not known
        return hiding.Layout is not { } layout ? Fit.Misfit : layout.Touches ? Fit.Redacts : Passes(asked);
    }

    private Fit Passes(in PgAsked asked)
    {
        if (asked.RecordRows is not { } bound)
        {
            return Fit.Passes;
        }
        state.Operations.Seen.Begin(asked.Op, bound);
        return Fit.Keeps;
    }

    private Fit CopyData(int length)
    {
        if (!Runs || !state.CopyOut)
        {
            return Fit.Misfit;
        }
        ref var asked = ref unanswered[0];
        if (asked.Stopped is not null || !state.Results.Take(ref asked, length - 4))
        {
            return Fit.Drops;
        }
        state.Operations.Bytes(asked.Op, length - 4);
        return asked.Hiding is { } hiding && hiding.Detects ? Fit.Redacts : Passes(asked);
    }

    private Fit Answers(Ask ask, int length)
    {
        if (!IsAt(ask) || length != 4)
        {
            return Fit.Misfit;
        }
        if (ask == Ask.Parse && unanswered[0].Op != 0)
        {
            state.Operations.Tag(unanswered[0].Op, "PARSE"u8);
            state.Operations.Complete(unanswered[0].Op);
        }
        if (unanswered[0].IsTaken)
        {
            state.Names.SetStatement(unanswered[0].Name, unanswered[0].Text); // it was free at the server
        }
        unanswered.RemoveFirst();
        return Fit.Passes;
    }

    private Fit Completed(ReadOnlySpan<byte> frame)
    {
        var reader = new PgReader(frame[PgFrame.Header..]);
        var tag = reader.Text();
        if (!reader.Exact || state.CopyOut || unanswered.Count == 0)
        {
            return Fit.Misfit;
        }
        if (state.Transaction == 'E')
        {
            state.Transaction = (byte)'T'; // nothing completes in a failed one but its end, or the way back to a savepoint; which, ReadyForQuery tells
        }
        return unanswered[0].Write is { } write ? Counted(write, frame, tag) : Finished(tag);
    }

    /// <summary>A bounded write is done, or one of the agent's own messages around it.</summary>
    private Fit Counted(PgBoundedWrite write, ReadOnlySpan<byte> frame, ReadOnlySpan<byte> tag)
    {
        if (write.IsOwn)
        {
            return Fit.Drops;
        }
        ref var asked = ref unanswered[0];
        if (write.Completed(frame, tag, asked.Op) is not { } refusal)
        {
            return Finished(tag) is Fit.Passes ? write.IsWrapped ? Fit.Drops : Fit.Passes : Fit.Misfit;
        }
        state.Operations.Tag(asked.Op, tag);
        state.Operations.Fail(asked.Op, "refused", Encoding.ASCII.GetBytes(refusal.Code), Encoding.UTF8.GetBytes(refusal.Message));
        if (!write.IsWrapped)
        {
            asked.Write = null;
            asked.Refusal = refusal;
            state.Reply = asked.Ask == Ask.Execute ? refusal.AsBind() : []; // of a Query when it is over
        }
        return Fit.Drops;
    }

    private Fit Finished(ReadOnlySpan<byte> tag)
    {
        if (!Runs || state.CopyIn)
        {
            return Fit.Misfit;
        }
        ref var asked = ref unanswered[0];
        state.AwaitsCopy = state.AwaitsCount = false;
        state.Operations.Tag(asked.Op, tag);
        state.Redaction.Tell(ref asked);
        if (asked.Stopped is { } stopped)
        {
            state.Results.CutOff(ref asked, stopped);
        }
        if (asked.Ask == Ask.Execute)
        {
            state.Operations.Complete(asked.Op);
            state.Names.Apply(asked.Text!);
            unanswered.RemoveFirst();
            AbortUnit();
        }
        return Fit.Passes;
    }

    /// <summary>The client was told that an Execute failed which the server has completed, and the unit is still open: it must fail there as well.</summary>
    private void AbortUnit()
    {
        if (state.Muted && unanswered.UnitEnds == 0)
        {
            var abort = new PgRefusal(PgError.Refused, "", null, null);
            unanswered.Add(Ask.Execute).Refusal = abort;
            state.Reply = abort.AsBind();
            state.AwaitsCount = true;
        }
    }

    private Fit Suspended()
    {
        if (!IsAt(Ask.Execute) || unanswered[0].Write is not null)
        {
            return Fit.Misfit;
        }
        state.AwaitsCount = false;
        state.Redaction.Tell(ref unanswered[0]);
        if (unanswered[0].Stopped is { } stopped)
        {
            state.Results.CutOff(ref unanswered[0], stopped);
        }
        state.Operations.Complete(unanswered[0].Op);
        unanswered.RemoveFirst();
        AbortUnit();
        return Fit.Passes;
    }

    private Fit CopyBegins(bool copyIn)
    {
        if (!Runs || unanswered[0].Text is not { } text || !text.Facts.Has(copyIn ? "copy-from" : "copy-to"))
        {
            return Fit.Misfit;
        }
        (state.CopyIn, state.CopyOut, state.AwaitsCopy) = (copyIn, !copyIn, false);
        return Fit.Passes;
    }

    private Fit CopyEnds(int length)
    {
        if (length != 4 || !state.CopyOut)
        {
            return Fit.Misfit;
        }
        state.CopyOut = false;
        return unanswered[0].Stopped is null ? Fit.Passes : Fit.Drops;
    }

    /// <summary>ReadyForQuery: the unit is over, and only now is its transaction's status known.</summary>
    private Fit Ready(ReadOnlySpan<byte> body)
    {
        if (state.CopyIn || state.CopyOut || body[0] is not ((byte)'I' or (byte)'T' or (byte)'E') || !(IsAt(Ask.Sync) || (unanswered.Count > 0 && unanswered[0].Ask == Ask.Query)))
        {
            return Fit.Misfit;
        }
        ref var asked = ref unanswered[0];
        if (asked.IsLook)
        {
            return Looked(body[0]);
        }
        if (asked.Write is { IsWrapped: true } write)
        {
            if (!write.Ready(body[0], out var next))
            {
                if (next.Length == 0)
                {
                    return Fit.Misfit;
                }
                state.Reply = next;
                return Fit.Drops;
            }
            state.Tell(write.Answer);
        }
        else if (MustAbort(ref asked, body[0]) is { } abort)
        {
            unanswered.RemoveFirst();
            unanswered.Add(Ask.Query).Refusal = abort;
            state.Reply = abort.AsQuery();
            return Fit.Drops;
        }
        state.Muted = false;
        if (asked.Ask == Ask.Query && asked.Refusal is null && !state.Operations.IsDone(asked.Op))
        {
            state.Operations.Complete(asked.Op);
            state.Names.Apply(asked.Text!);
        }
        unanswered.RemoveFirst();
        state.AwaitsCopy = false;
        state.Transaction = body[0];
        state.MayHaveBegun = false;
        state.QuietSince = state.Clock.GetTimestamp();
        state.Operations.End(body[0]);
        state.Sight.UnitEnded();
        if (body[0] == 'I')
        {
            state.Names.EndTransaction();
            state.Sight.TransactionEnded();
            state.Redaction.EndTransaction();
        }
        if (state.Doubt.MustAsk(body[0]))
        {
            state.Reply = state.Doubt.AskAlone();
            return Fit.Drops;
        }
        return Fit.Passes;
    }

    /// <summary>
    /// The client was told that a statement failed which the server has completed: inside a transaction the two must agree, so that something is sent
    /// that fails.
    /// </summary>
    private PgRefusal? MustAbort(ref PgAsked asked, byte status) =>
        status != 'T' ? null :
        state.Muted && asked.Refusal is null ? new PgRefusal(PgError.Refused, "", null, null) :
        asked.Ask == Ask.Query ? asked.Refusal : null;
}

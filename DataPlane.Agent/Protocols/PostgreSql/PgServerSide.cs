using System.Text;
using AccessPlane.Agent.Relay;
using AccessPlane.Contracts.Sql;

namespace AccessPlane.Agent.Protocols.PostgreSql;

/// <summary>
/// Server → client: every message must fit the first unanswered message of the client; what fits none ends both sides. Bodies of rows and
/// descriptions pass as they come, only what tells the state is looked into.
/// </summary>
internal sealed class PgServerSide(PgState state)
{
    private const int LongestHeld = 64 * 1024;

    private enum Fit { Passes, Incomplete, Misfit }

    private readonly PgUnanswered unanswered = state.Unanswered;
    private long passing;

    public bool IsBetweenMessages => passing == 0;

    public Verdict Look(ReadOnlySpan<byte> pending)
    {
        var at = 0;
        while (true)
        {
            var rest = pending[at..];
            if (passing > 0)
            {
                var part = (int)Math.Min(passing, rest.Length);
                passing -= part;
                at += part;
                if (passing > 0)
                {
                    return at > 0 ? Verdict.Forward(at) : Verdict.More(1);
                }
                continue;
            }
            if (rest.Length < PgFrame.Header)
            {
                return at > 0 ? Verdict.Forward(at) : Verdict.More(PgFrame.Header);
            }
            var length = PgFrame.LengthAt(rest);
            if (length is < 4 or > PgFrame.MaxLength)
            {
                return at > 0 ? Verdict.Forward(at) : Misfit("a message of an impossible length");
            }
            if (rest[0] == 'E')
            {
                return at > 0 ? Verdict.Forward(at) : Error(rest, length);
            }
            var fit = Classify(rest, length);
            if (fit == Fit.Passes)
            {
                passing = length + 1L;
            }
            else if (at > 0)
            {
                return Verdict.Forward(at);
            }
            else
            {
                return fit == Fit.Incomplete ? Verdict.More(length + 1) : Misfit($"`{(char)rest[0]}` out of turn");
            }
        }
    }

    private Verdict Misfit(string what)
    {
        state.Broken ??= $"the database sent {what}";
        return Verdict.Kill;
    }

    private Fit Classify(ReadOnlySpan<byte> frame, int length) => (char)frame[0] switch
    {
        'D' => Row(length),
        'd' => CopyData(length),
        '1' => Answers(Ask.Parse, length),
        '2' => Answers(Ask.Bind, length),
        '3' => Answers(Ask.Close, length),
        'T' => RowDescription(),
        't' => ParameterDescription(),
        'n' => NoData(length),
        'C' => Whole(frame, length) ? Completed(Body(frame, length)) : Fit.Incomplete,
        'I' => length == 4 ? Finished(default) : Fit.Misfit,
        's' => length == 4 ? Suspended() : Fit.Misfit,
        'Z' => Whole(frame, length) ? Ready(Body(frame, length)) : Fit.Incomplete,
        'G' => CopyBegins(copyIn: true),
        'H' => CopyBegins(copyIn: false),
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
        state.Operations.Row(unanswered[0].Op, length - 4);
        return Fit.Passes;
    }

    private Fit CopyData(int length)
    {
        if (!Runs || !state.CopyOut)
        {
            return Fit.Misfit;
        }
        state.Operations.Bytes(unanswered[0].Op, length - 4);
        return Fit.Passes;
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
        unanswered.RemoveFirst();
        return Fit.Passes;
    }

    private Fit RowDescription()
    {
        if (IsAt(Ask.DescribePortal) || (IsAt(Ask.DescribeStatement) && unanswered[0].HalfAnswered))
        {
            unanswered.RemoveFirst();
            return Fit.Passes;
        }
        return IsAt(Ask.Query) ? Fit.Passes : Fit.Misfit;
    }

    private Fit ParameterDescription()
    {
        if (!IsAt(Ask.DescribeStatement) || unanswered[0].HalfAnswered)
        {
            return Fit.Misfit;
        }
        unanswered[0].HalfAnswered = true;
        return Fit.Passes;
    }

    private Fit NoData(int length) => length == 4 && !IsAt(Ask.Query) ? RowDescription() : Fit.Misfit;

    private Fit Completed(ReadOnlySpan<byte> body)
    {
        var reader = new PgReader(body);
        var tag = reader.Text();
        return reader.Exact && !state.CopyOut ? Finished(tag) : Fit.Misfit;
    }

    private Fit Finished(ReadOnlySpan<byte> tag)
    {
        if (!Runs || state.CopyIn)
        {
            return Fit.Misfit;
        }
        ref var asked = ref unanswered[0];
        state.AwaitsCopy = false;
        state.Operations.Tag(asked.Op, tag);
        if (asked.Ask == Ask.Execute)
        {
            state.Operations.Complete(asked.Op);
            Apply(asked.Text);
            unanswered.RemoveFirst();
        }
        return Fit.Passes;
    }

    private void Apply(PgText? text)
    {
        if (text?.Facts.Names is { } uses)
        {
            foreach (var use in uses)
            {
                state.Names.Apply(use, text);
            }
        }
    }

    private Fit Suspended()
    {
        if (!IsAt(Ask.Execute))
        {
            return Fit.Misfit;
        }
        state.Operations.Complete(unanswered[0].Op);
        unanswered.RemoveFirst();
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
        return Fit.Passes;
    }

    /// <summary>ReadyForQuery: the unit is over, and only now is its transaction's status known.</summary>
    private Fit Ready(ReadOnlySpan<byte> body)
    {
        if (state.CopyIn || state.CopyOut || body.Length != 1 || body[0] is not ((byte)'I' or (byte)'T' or (byte)'E') || !(IsAt(Ask.Sync) || (unanswered.Count > 0 && unanswered[0].Ask == Ask.Query)))
        {
            return Fit.Misfit;
        }
        ref var asked = ref unanswered[0];
        if (asked.Ask == Ask.Query && asked.Refusal is null && !state.Operations.IsDone(asked.Op))
        {
            state.Operations.Complete(asked.Op);
            Apply(asked.Text);
        }
        unanswered.RemoveFirst();
        state.AwaitsCopy = false;
        state.Transaction = body[0];
        state.Operations.End(body[0]);
        if (body[0] == 'I')
        {
            state.Names.EndTransaction();
        }
        return Fit.Passes;
    }

    /// <summary>A setting that the server reports. Some must never change: what is read here and what runs there would be two languages.</summary>
    private Fit Parameter(ReadOnlySpan<byte> body)
    {
        var reader = new PgReader(body);
        var name = reader.Text();
        var value = reader.Text();
        if (!reader.Exact)
        {
            return Fit.Misfit;
        }
        var drifted = name.SequenceEqual("client_encoding"u8) ? !PgSettings.IsUtf8(Encoding.ASCII.GetString(value)) :
            name.SequenceEqual("standard_conforming_strings"u8) ? !value.SequenceEqual("on"u8) :
            name.SequenceEqual("session_authorization"u8);
        if (drifted)
        {
            state.Broken ??= $"the setting `{Encoding.ASCII.GetString(name)}` changed, and the session's statements can no longer be read as the database reads them";
            return Fit.Misfit;
        }
        return Fit.Passes;
    }

    private Verdict Error(ReadOnlySpan<byte> frame, int length)
    {
        var total = length + 1L;
        if (frame.Length < total && frame.Length < LongestHeld)
        {
            return Verdict.More((int)Math.Min(total, LongestHeld));
        }
        var body = frame[PgFrame.Header..(int)Math.Min(total, frame.Length)];
        if (unanswered.Count == 0 && !PgError.IsFatal(body))
        {
            return Misfit("an error that answers nothing");
        }
        var refusal = unanswered.Count > 0 ? unanswered[0].Refusal : null;
        Failed(body);
        if (refusal is not null && frame.Length >= total && refusal.Caused(body))
        {
            return Verdict.Rewrite((int)total, refusal.Response(body));
        }
        passing = total - Math.Min(total, frame.Length);
        return Verdict.Forward((int)Math.Min(total, frame.Length));
    }

    /// <summary>The first unanswered message failed; the server passes over what follows it up to the next Sync.</summary>
    private void Failed(ReadOnlySpan<byte> error)
    {
        if (state.CopyIn)
        {
            state.EndCopyIn("failed");
        }
        state.CopyOut = state.AwaitsCopy = false;
        if (unanswered.Count == 0 || unanswered[0].Ask == Ask.Sync)
        {
            return; // the transaction's end failed, or the session is being ended: ReadyForQuery or the end follows
        }
        var code = PgError.Field(error, 'C');
        Blame(code.SequenceEqual("57014"u8) ? "cancelled" : "failed", code, PgError.Field(error, 'M'));
        if (unanswered[0].Ask == Ask.Query)
        {
            return; // ReadyForQuery follows, and answers it
        }
        var skipped = unanswered.UpToSync();
        state.TakeBack(skipped);
        if (unanswered[0] is { Ask: Ask.Parse, Name.Length: 0 })
        {
            state.Names.SetStatement(default, null); // a failed Parse leaves no unnamed statement
        }
        for (var i = 0; i < skipped; i++)
        {
            state.Operations.Skip(unanswered[0].Op);
            unanswered.RemoveFirst();
        }
        state.Skipping = unanswered.Count == 0;
    }

    /// <summary>The error belongs to the first message's operation, or, where a Parse is recorded with its Bind, to that one.</summary>
    private void Blame(string outcome, ReadOnlySpan<byte> code, ReadOnlySpan<byte> message)
    {
        for (var i = 0; i < unanswered.Count; i++)
        {
            if (unanswered[i].Op != 0)
            {
                state.Operations.Fail(unanswered[i].Op, outcome, code, message);
                return;
            }
        }
    }
}

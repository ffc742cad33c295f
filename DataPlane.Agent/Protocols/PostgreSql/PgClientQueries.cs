using AccessPlane.Agent.Recording;
using AccessPlane.Agent.Relay;
using AccessPlane.Contracts.Policy;

namespace AccessPlane.Agent.Protocols.PostgreSql;

/// <summary>The simple protocol: one message, one operation.</summary>
internal sealed class PgClientQueries(PgState state)
{
    /// <param name="message">All of it, for where it must wait.</param>
    public Verdict Query(ReadOnlySpan<byte> message)
    {
        var body = message[PgFrame.Header..];
        var total = message.Length;
        state.Holds.LookAgain();
        if (!PgQuery.TryRead(body, out var query))
        {
            return Verdict.Rewrite(total, Refuse(PgDenial.Malformed(state, "simple", body)));
        }
        if (state.Sight.Find(query.Text) is not { } found || state.Sight.Fresh(found) is not { } text)
        {
            return Verdict.Prepare;
        }
        if (state.Holds.Current is { } hold)
        {
            return hold.IsWaiting ? Verdict.Park : Resume(message, text, hold.Op);
        }
        if (state.Pace.MustWait(state.Oversight.Limits))
        {
            return Verdict.Prepare;
        }
        state.Sight.Forget();
        if ((state.Doubt.WhyNot(text.Facts) ?? PgRefusal.NotKnown(state.Sight.Missing(text))) is { } refusal)
        {
            return Verdict.Rewrite(total, Refuse(PgDenial.Never(state, "simple", text.Text, text.Facts.Kinds, refusal.Message, refusal.Code)));
        }
        var ruling = state.Judge(text);
        if (ruling.MaxRows is not null && state.Transaction == 'I' && state.MayHaveBegun)
        {
            // a transaction of the agent's own around it would end the client's
            ruling = PgBounds.Refuse(ruling, "whether a transaction is open is not known in the middle of a pipeline: end that first");
        }
        if (PgDenial.Open(state, "simple", text, default, ruling, out var op) is { } denial)
        {
            return Verdict.Rewrite(total, Refuse(denial));
        }
        if (ruling.Effect == Effect.Hold)
        {
            return state.Holds.Park("simple", text, PgBound.None, ruling, op) is { } not ? Verdict.Rewrite(total, Refuse(not)) : Verdict.Park;
        }
        return Pass(message, text, ruling, op);
    }

    /// <summary>It waited for people, and does so no more: it is judged by what holds now.</summary>
    private Verdict Resume(ReadOnlySpan<byte> message, PgText text, long op)
    {
        state.Sight.Forget();
        var ruling = state.Judge(text);
        return state.Holds.Settle(text, PgBound.None, ruling) is { } denial
            ? Verdict.Rewrite(message.Length, Refuse(denial))
            : Pass(message, text, ruling, op);
    }

    private Verdict Pass(ReadOnlySpan<byte> message, PgText text, Ruling ruling, long op)
    {
        var total = message.Length;
        ref var asked = ref state.Unanswered.Add(Ask.Query);
        asked.Op = op;
        asked.Text = text;
        asked.Taken = state.Results.TakenBy(text);
        asked.RecordRows = ruling.RecordRows;
        state.Forwarded(text, ruling);
        asked.Hiding = state.Redaction.Begin(text, ruling);
        state.Results.Begin(text, ofUnit: false);
        if (state.Help?.NoticeOn(text.Text) is { } notice)
        {
            state.Tell(notice);
        }
        var renamed = state.Views?.Of(text) is { } sent && !ReferenceEquals(sent, text.Text) ? PgFrame.Of('Q', [.. sent, 0]) : null;
        if (ruling.MaxRows is not { } bound)
        {
            return renamed is null ? Verdict.Forward(total) : Verdict.Rewrite(total, renamed);
        }
        var wrap = state.Transaction == 'I';
        asked.Write = new PgBoundedWrite(bound.Most, bound.Rule, state.Session, wrap ? renamed ?? message.ToArray() : null);
        return wrap ? Verdict.Rewrite(total, PgBoundedWrite.Begin) : renamed is null ? Verdict.Forward(total) : Verdict.Rewrite(total, renamed);
    }

    public byte[] TooLong(int length) => Refuse(PgDenial.TooLong(state, "simple", length));

    /// <summary>FunctionCall runs functions without a statement that could be read: never.</summary>
    public byte[] FunctionCall() => Refuse(PgDenial.Never(
        state, "function", "the function call message"u8, ["call"], "function calls outside statements cannot be judged: call the function in a select"));

    private byte[] Refuse(PgDenial denial)
    {
        ref var asked = ref state.Unanswered.Add(Ask.Query);
        asked.Op = denial.Op;
        asked.Refusal = denial.Refusal;
        return denial.Refusal.AsQuery();
    }
}

/// <summary>A refusal with the operation that was recorded for it; 0 where the record itself could not be written.</summary>
internal readonly record struct PgDenial(PgRefusal Refusal, long Op)
{
    /// <summary>Records an operation and says why it must not pass; null when it may.</summary>
    public static PgDenial? Open(PgState state, string protocol, PgText text, in BoundParameters parameters, Ruling ruling, out long op)
    {
        try
        {
            op = state.Operations.Open(protocol, text.Text, parameters, state.Sight.FactsOf(text), ruling);
        }
        catch (IOException)
        {
            op = 0;
            return new PgDenial(PgRefusal.NotRecorded, 0);
        }
        return ruling.Effect == Effect.Deny ? Refuse(state, PgRefusal.Of(text, ruling, state.Session, op), op) : null;
    }

    public static PgDenial Malformed(PgState state, string protocol, ReadOnlySpan<byte> body)
    {
        var shown = body.ToArray();
        shown.AsSpan().Replace((byte)0, (byte)' ');
        return Never(state, protocol, shown, [], "the message is malformed", PgError.Protocol);
    }

    public static PgDenial TooLong(PgState state, string protocol, int length) => Never(
        state, protocol, System.Text.Encoding.ASCII.GetBytes($"-- {length} bytes, not read"), [],
        $"a statement of {length:N0} bytes is longer than {PgClientSide.LongestText:N0}: send it in parts, or as parameters or copy data", PgError.TooLarge);

    public static PgDenial Never(
        PgState state, string protocol, ReadOnlySpan<byte> text, IReadOnlyList<string> kinds, string why, string code = PgError.Refused)
    {
        var ruling = new Ruling(Effect.Deny, [new Reason("protocol", Effect.Deny, why)], 0);
        if (Open(state, protocol, new PgText(text.ToArray(), new Contracts.Sql.StatementFacts(kinds, 0)), default, ruling, out var op) is { Op: 0 } unrecorded)
        {
            return unrecorded;
        }
        var isOfName = code is PgError.NoStatement or PgError.NoPortal;
        return Refuse(state, new PgRefusal(code, why, isOfName ? null : PgRefusal.Where(state.Session, op), null) { IsOfName = isOfName }, op);
    }

    /// <summary>Of an operation that was recorded: how it ended is recorded as well.</summary>
    public static PgDenial Refuse(PgState state, PgRefusal refusal, long op, string outcome = "refused")
    {
        state.Operations.Fail(
            op, outcome, System.Text.Encoding.ASCII.GetBytes(refusal.Code), System.Text.Encoding.UTF8.GetBytes(refusal.Message));
        return new PgDenial(refusal, op);
    }
}

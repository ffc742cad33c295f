using AccessPlane.Agent.Recording;
using AccessPlane.Agent.Relay;
using AccessPlane.Contracts.Policy;

namespace AccessPlane.Agent.Protocols.PostgreSql;

/// <summary>
/// The extended protocol. An operation is what Bind starts, recorded with its parameters; a Parse that no Bind follows is recorded by itself.
/// A statement is judged at Parse, at Bind and again at every Execute.
/// </summary>
internal sealed class PgClientExtended(PgState state)
{
    public PgExtendedRefusals Refusals { get; } = new(state);

    public Verdict Parse(ReadOnlySpan<byte> body, ReadOnlySpan<byte> next, int total)
    {
        if (!PgParse.TryRead(body, out var parse))
        {
            return Refusals.Malformed(total, body);
        }
        if (parse.Name.Length > PgNames.LongestName)
        {
            return Refusals.NameTooLong(total, parse.Name);
        }
        if (state.Sight.Find(parse.Text) is not { } found || state.Sight.Fresh(found) is not { } text)
        {
            return Verdict.Prepare;
        }
        if (PgNextBind.IsOf(parse.Name, next, state.Names, out var need) is not { } bound)
        {
            return Verdict.More(total + need); // whether it is an operation of its own is not known yet
        }
        state.Sight.Forget();
        if (state.Doubt.WhyNot(text.Facts) is { } failed)
        {
            return Refusals.Refuse(total, new PgDenial(failed, 0), failed.AsParse(parse.Name));
        }
        if (!state.Names.HasRoomForStatement(parse.Name, text))
        {
            return Refusals.Limit(total, $"a session keeps at most {PgNames.MostStatements} prepared statements, and {PgNames.MostTexts:N0} bytes of them");
        }
        var old = state.Names.Statement(parse.Name);
        var taken = !parse.Name.IsEmpty && old is not null;
        var ruling = state.Judge(text);
        long op = 0;
        if ((ruling.Effect == Effect.Deny || !bound || taken) && PgDenial.Open(state, "prepare", text, default, ruling, out op) is { } denial)
        {
            return Refusals.Refuse(total, denial, denial.Refusal.AsParse(parse.Name));
        }
        if (ruling.Effect == Effect.Hold && !parse.Types.IsEmpty)
        {
            text = text with { ParameterTypes = parse.Types.ToArray() };
        }
        ref var asked = ref state.Unanswered.Add(Ask.Parse);
        asked.Op = op;
        asked.Text = text;
        asked.Hiding = state.Redaction.Begin(text, ruling);
        asked.Name = parse.Name.IsEmpty ? [] : parse.Name.ToArray();
        asked.OldStatement = old;
        asked.IsTaken = taken;
        var renamed = Renamed(parse, text, body);
        if (taken)
        {
            return ForwardAndAwait('P', renamed ?? body, total);
        }
        state.Names.SetStatement(parse.Name, text);
        return renamed is null ? Verdict.Forward(total) : Verdict.Rewrite(total, PgFrame.Of('P', renamed));
    }

    /// <returns>The message's body with the names that the session's login has for what the text names; null where they are the same.</returns>
    private byte[]? Renamed(in PgParse parse, PgText text, ReadOnlySpan<byte> body) =>
        state.Views?.Of(text) is { } sent && !ReferenceEquals(sent, text.Text)
            ? [.. body[..(parse.Name.Length + 1)], .. sent, .. body[(parse.Name.Length + 1 + parse.Text.Length)..]]
            : null;

    /// <summary>What names mean after this message, the server alone can say: it is asked to answer at once, and nothing more is sent until it has.</summary>
    private Verdict ForwardAndAwait(char type, ReadOnlySpan<byte> body, int total)
    {
        state.Unanswered.AwaitAll();
        return Verdict.Rewrite(total, (byte[])[.. PgFrame.Of(type, body), .. PgFrame.Flush]);
    }

    public Verdict Bind(ReadOnlySpan<byte> body, int total)
    {
        if (!PgBind.TryRead(body, out var bind))
        {
            return Refusals.Malformed(total, body);
        }
        return Bind(bind, bind.Parameters, total, out _);
    }

    /// <summary>A Bind whose values do not fit into memory's share of a session: only its head is here.</summary>
    public Verdict LongBind(in PgBind bind, int parameters, int length, out long op) =>
        Bind(bind, new BoundParameters(parameters, default, default, length - 4 - bind.ValuesAt), 0, out op);

    private Verdict Bind(in PgBind bind, in BoundParameters parameters, int total, out long op)
    {
        op = 0;
        if (bind.Portal.Length > PgNames.LongestName)
        {
            return Refusals.NameTooLong(total, bind.Portal);
        }
        if (state.Names.Statement(bind.Statement) is not { } known)
        {
            return Refusals.Unknown(total, PgError.NoStatement, "prepared statement", bind.Statement);
        }
        if (state.Sight.Fresh(known) is not { } text)
        {
            return Verdict.Prepare;
        }
        if (!ReferenceEquals(known, text))
        {
            state.Names.SetStatement(bind.Statement, text);
        }
        if (state.Doubt.WhyNot(text.Facts) is { } failed)
        {
            return Refusals.Refuse(total, new PgDenial(failed, 0), failed.AsBind());
        }
        if (!state.Names.HasRoomForPortal(bind.Portal))
        {
            return Refusals.Limit(total, $"a session keeps at most {PgNames.MostPortals} portals");
        }
        var ruling = state.Judge(text);
        if (PgDenial.Open(state, "extended", text, parameters, ruling, out op) is { } denial)
        {
            return Refusals.Refuse(total, denial, denial.Refusal.AsBind());
        }
        ref var asked = ref state.Unanswered.Add(Ask.Bind);
        asked.Op = op;
        asked.Hiding = state.Redaction.Begin(text, ruling);
        asked.Text = text;
        asked.Name = bind.Portal.IsEmpty ? [] : bind.Portal.ToArray();
        asked.OldPortal = state.Names.Portal(bind.Portal);
        state.Names.SetPortal(bind.Portal, new PgPortal(text, op, Executed: false, Lasts: false)
        {
            // without values there is nothing to keep; with values, what is not held now may be when it is executed, and is refused then
            Taken = state.Results.Limits.BoundsResults ? new PgTaken() : null,
            Bound = parameters.Count == 0 || ruling.Effect == Effect.Hold ? PgBound.Of(parameters) : null,
        });
        return Verdict.Forward(total);
    }

    public Verdict Describe(ReadOnlySpan<byte> body, int total)
    {
        if (!PgNamed.TryRead(body, out var describe))
        {
            return Refusals.Malformed(total, body);
        }
        if (describe.IsPortal ? state.Names.Portal(describe.Name) is null : state.Names.Statement(describe.Name) is null)
        {
            return describe.IsPortal
                ? Refusals.Unknown(total, PgError.NoPortal, "portal", describe.Name)
                : Refusals.Unknown(total, PgError.NoStatement, "prepared statement", describe.Name);
        }
        state.Unanswered.Add(describe.IsPortal ? Ask.DescribePortal : Ask.DescribeStatement);
        return Verdict.Forward(total);
    }

    public Verdict Execute(ReadOnlySpan<byte> body, int total)
    {
        if (!PgExecute.TryRead(body, out var execute))
        {
            return Refusals.Malformed(total, body);
        }
        if (state.Names.Portal(execute.Portal) is not { } portal)
        {
            return Refusals.Unknown(total, PgError.NoPortal, "portal", execute.Portal);
        }
        state.Holds.LookAgain();
        if (state.Sight.Fresh(portal.Text) is not { } text)
        {
            return Verdict.Prepare;
        }
        portal = portal with { Text = text };
        if (state.Holds.Current is { } hold)
        {
            return hold.IsWaiting ? Verdict.Park : Resume(body, execute, portal, hold.Op, total);
        }
        if (state.Pace.MustWait(state.Oversight.Limits))
        {
            return Verdict.Prepare;
        }
        if ((state.Doubt.WhyNot(text.Facts) ?? PgRefusal.NotKnown(state.Sight.Missing(portal.Text))) is { } refusal)
        {
            state.Operations.Fail(portal.Op, "refused", System.Text.Encoding.ASCII.GetBytes(refusal.Code), System.Text.Encoding.UTF8.GetBytes(refusal.Message));
            return Refusals.Refuse(total, new PgDenial(refusal, portal.Op), refusal.AsBind());
        }
        var op = portal.Op;
        var ruling = Judge(portal, execute);
        var waits = ruling.Effect == Effect.Hold && !portal.Released;
        if (waits && state.Unanswered.Count > 0)
        {
            // what comes before it is answered first: where that fails nobody is asked, and nothing changes any more while it waits
            state.Unanswered.AwaitAll();
            return Verdict.Rewrite(0, PgFrame.Flush);
        }
        if ((ruling.Effect == Effect.Deny || portal.Executed || op == 0 || state.Operations.IsDone(op)) &&
            PgDenial.Open(state, "extended", portal.Text, default, ruling, out op) is { } denial)
        {
            return Refusals.Refuse(total, denial, denial.Refusal.AsBind());
        }
        if (waits)
        {
            return state.Holds.Park("extended", portal.Text, portal.Bound, ruling, op) is { } not ? Refusals.Refuse(total, not, not.Refusal.AsBind()) : Verdict.Park;
        }
        return Pass(body, execute, portal, ruling, op, total);
    }

    /// <summary>It waited for people, and does so no more: it is judged by what holds now.</summary>
    private Verdict Resume(ReadOnlySpan<byte> body, PgExecute execute, PgPortal portal, long op, int total)
    {
        var ruling = Judge(portal, execute);
        return state.Holds.Settle(portal.Text, portal.Bound, ruling) is { } denial
            ? Refusals.Refuse(total, denial, denial.Refusal.AsBind())
            : Pass(body, execute, portal with { Released = true }, ruling, op, total);
    }

    private Ruling Judge(PgPortal portal, PgExecute execute)
    {
        var ruling = state.Judge(portal.Text);
        if (ruling.MaxRows is { } counted && execute.Most > 0)
        {
            ruling = PgBounds.Refuse(ruling, $"it may change {counted.Most:N0} rows at most, which are counted at once: fetch all of its rows at once");
        }
        return ruling;
    }

    private Verdict Pass(ReadOnlySpan<byte> body, PgExecute execute, PgPortal portal, Ruling ruling, long op, int total)
    {
        state.UnitHasRun = true;
        state.Names.SetPortal(execute.Portal, portal with { Executed = true });
        var hiding = state.Redaction.Begin(portal.Text, ruling);
        var describe = PgRedaction.MustDescribe(hiding, portal) || ruling.RecordRows is not null;
        if (describe)
        {
            state.Unanswered.Add(Ask.DescribePortal).IsInjected = true;
        }
        ref var asked = ref state.Unanswered.Add(Ask.Execute);
        asked.Op = op;
        asked.Text = portal.Text;
        asked.Hiding = hiding;
        asked.RecordRows = ruling.RecordRows;
        asked.Portal = hiding is null ? null : execute.Portal.ToArray();
        asked.Taken = state.Results.TakenBy(portal.Text) ?? portal.Taken;
        state.AwaitsCopy = portal.Text.Facts.Has("copy-from");
        state.MayHaveBegun |= portal.Text.Facts.Has("transaction");
        state.Forwarded(portal.Text, ruling);
        state.Results.Begin(portal.Text, ofUnit: true);
        var awaited = state.Names.MayBeChangedBy(portal.Text);
        if (ruling.MaxRows is { } bound)
        {
            asked.Write = new PgBoundedWrite(bound.Most, bound.Rule, state.Session, statement: null);
            state.AwaitsCount = awaited = true;
        }
        return describe ? Verdict.Rewrite(total, state.Redaction.DescribeFirst(execute.Portal, body, awaited)) : awaited ? ForwardAndAwait('E', body, total) : Verdict.Forward(total);
    }

    public Verdict Close(ReadOnlySpan<byte> body, int total)
    {
        if (!PgNamed.TryRead(body, out var close))
        {
            return Refusals.Malformed(total, body);
        }
        if (close.Name.Length > PgNames.LongestName)
        {
            return Refusals.NameTooLong(total, close.Name);
        }
        ref var asked = ref state.Unanswered.Add(Ask.Close);
        asked.Name = close.Name.ToArray();
        asked.IsPortal = close.IsPortal;
        if (close.IsPortal)
        {
            asked.OldPortal = state.Names.Portal(close.Name);
            state.Names.SetPortal(close.Name, null);
        }
        else
        {
            asked.OldStatement = state.Names.Statement(close.Name);
            state.Names.SetStatement(close.Name, null);
        }
        return Verdict.Forward(total);
    }

    public Verdict Sync(int total)
    {
        state.Skipping = false;
        state.UnitHasRun = false;
        state.Results.EndUnit();
        state.Unanswered.Add(Ask.Sync);
        return Verdict.Forward(total);
    }
}

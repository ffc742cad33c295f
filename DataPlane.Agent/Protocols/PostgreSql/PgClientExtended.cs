using AccessPlane.Agent.Recording;
using AccessPlane.Agent.Relay;

namespace AccessPlane.Agent.Protocols.PostgreSql;

/// <summary>
/// The extended protocol. An operation is what Bind starts, recorded with its parameters; a Parse that no Bind follows is recorded by itself.
/// A statement is judged at Parse, at Bind and again at every Execute.
/// </summary>
internal sealed class PgClientExtended(PgState state)
{
    public Verdict Parse(ReadOnlySpan<byte> body, ReadOnlySpan<byte> next, int total)
    {
        if (!PgParse.TryRead(body, out var parse))
        {
            return Malformed(total, body);
        }
        var text = state.Find(parse.Text);
        if (text is null)
        {
            return Verdict.Prepare;
        }
        if (IsBoundNext(parse.Name, next) is not { } bound)
        {
            return Verdict.More(total + next.Length + 1); // whether it is an operation of its own is not known yet
        }
        state.Forget();
        var ruling = state.Judge(text);
        long op = 0;
        if ((ruling.Effect == Contracts.Policy.Effect.Deny || !bound) && PgDenial.Open(state, "prepare", text, default, ruling, out op) is { } denial)
        {
            return Refuse(total, denial, denial.Refusal.AsParse(parse.Name));
        }
        if (!state.Names.HasRoomForStatement(parse.Name))
        {
            return Limit(total, $"a session keeps at most {PgNames.MostStatements} prepared statements");
        }
        ref var asked = ref state.Unanswered.Add(Ask.Parse);
        asked.Op = op;
        asked.Text = text;
        asked.Name = parse.Name.IsEmpty ? [] : parse.Name.ToArray();
        asked.OldStatement = state.Names.Statement(parse.Name);
        if (parse.Name.IsEmpty || asked.OldStatement is null)
        {
            state.Names.SetStatement(parse.Name, text); // a name that is taken keeps its statement: the server will say so
        }
        return Verdict.Forward(total);
    }

    /// <returns>Null while not enough of the next message has come.</returns>
    private static bool? IsBoundNext(ReadOnlySpan<byte> name, ReadOnlySpan<byte> next)
    {
        if (next.IsEmpty || (next[0] == 'B' && next.Length < PgFrame.Header))
        {
            return null;
        }
        if (next[0] != 'B')
        {
            return false;
        }
        var length = PgFrame.LengthAt(next);
        var whole = length is >= 4 and < PgClientSide.LongestText && next.Length > length;
        var body = whole ? next[PgFrame.Header..(length + 1)] : next[PgFrame.Header..];
        var reader = new PgReader(body);
        reader.Text();
        var statement = reader.Text();
        return reader.Failed ? whole || next.Length > 1024 ? false : null : statement.SequenceEqual(name);
    }

    public Verdict Bind(ReadOnlySpan<byte> body, int total)
    {
        if (!PgBind.TryRead(body, out var bind))
        {
            return Malformed(total, body);
        }
        return Bind(bind, bind.Parameters, total, out _);
    }

    /// <summary>A Bind whose values do not fit into memory's share of a session: only its head is here.</summary>
    public Verdict LongBind(in PgBind bind, int parameters, int length, out long op) =>
        Bind(bind, new BoundParameters(parameters, default, default, length - 4 - bind.ValuesAt), 0, out op);

    private Verdict Bind(in PgBind bind, in BoundParameters parameters, int total, out long op)
    {
        op = 0;
        if (state.Names.Statement(bind.Statement) is not { } text)
        {
            return Unknown(total, PgError.NoStatement, "prepared statement", bind.Statement);
        }
        if (!state.Names.HasRoomForPortal(bind.Portal))
        {
            return Limit(total, $"a session keeps at most {PgNames.MostPortals} portals");
        }
        if (PgDenial.Open(state, "extended", text, parameters, state.Judge(text), out op) is { } denial)
        {
            return Refuse(total, denial, denial.Refusal.AsBind());
        }
        ref var asked = ref state.Unanswered.Add(Ask.Bind);
        asked.Op = op;
        asked.Text = text;
        asked.Name = bind.Portal.IsEmpty ? [] : bind.Portal.ToArray();
        asked.OldPortal = state.Names.Portal(bind.Portal);
        state.Names.SetPortal(bind.Portal, new PgPortal(text, op, Executed: false, Lasts: false));
        return Verdict.Forward(total);
    }

    public Verdict Describe(ReadOnlySpan<byte> body, int total)
    {
        if (!PgNamed.TryRead(body, out var describe))
        {
            return Malformed(total, body);
        }
        if (describe.IsPortal ? state.Names.Portal(describe.Name) is null : state.Names.Statement(describe.Name) is null)
        {
            return describe.IsPortal
                ? Unknown(total, PgError.NoPortal, "portal", describe.Name)
                : Unknown(total, PgError.NoStatement, "prepared statement", describe.Name);
        }
        state.Unanswered.Add(describe.IsPortal ? Ask.DescribePortal : Ask.DescribeStatement);
        return Verdict.Forward(total);
    }

    public Verdict Execute(ReadOnlySpan<byte> body, int total)
    {
        if (!PgExecute.TryRead(body, out var execute))
        {
            return Malformed(total, body);
        }
        if (state.Names.Portal(execute.Portal) is not { } portal)
        {
            return Unknown(total, PgError.NoPortal, "portal", execute.Portal);
        }
        if (state.Pace.MustWait(state.Oversight.Limits))
        {
            return Verdict.Prepare;
        }
        var op = portal.Op;
        var ruling = state.Judge(portal.Text);
        if (ruling.MaxRows is { } counted && execute.Most > 0)
        {
            ruling = PgBounds.Refuse(ruling, $"it may change {counted.Most:N0} rows at most, which are counted at once: fetch all of its rows at once");
        }
        if ((ruling.Effect == Contracts.Policy.Effect.Deny || portal.Executed || op == 0) &&
            PgDenial.Open(state, "extended", portal.Text, default, ruling, out op) is { } denial)
        {
            return Refuse(total, denial, denial.Refusal.AsBind());
        }
        state.Names.SetPortal(execute.Portal, portal with { Executed = true });
        ref var asked = ref state.Unanswered.Add(Ask.Execute);
        asked.Op = op;
        asked.Text = portal.Text;
        state.AwaitsCopy = portal.Text.Facts.Has("copy-from");
        state.Results.Begin(portal.Text, ofUnit: true);
        if (ruling.MaxRows is not { } bound)
        {
            return Verdict.Forward(total);
        }
        asked.Write = new PgBoundedWrite(bound.Most, bound.Rule, state.Session, statement: null);
        state.AwaitsCount = true;
        return Verdict.Rewrite(total, (byte[])[.. PgFrame.Of('E', body), .. PgFrame.Flush]);
    }

    public Verdict Close(ReadOnlySpan<byte> body, int total)
    {
        if (!PgNamed.TryRead(body, out var close))
        {
            return Malformed(total, body);
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
        state.Results.EndUnit();
        state.Unanswered.Add(Ask.Sync);
        return Verdict.Forward(total);
    }

    public byte[] TooLong(int length)
    {
        var denial = PgDenial.TooLong(state, "prepare", length);
        return Refuse(0, denial, denial.Refusal.AsBind()).Replacement.ToArray();
    }

    public Verdict Malformed(int total, ReadOnlySpan<byte> body = default)
    {
        var denial = PgDenial.Malformed(state, "extended", body);
        return Refuse(total, denial, denial.Refusal.AsBind());
    }

    private Verdict Unknown(int total, string code, string what, ReadOnlySpan<byte> name)
    {
        var refusal = new PgRefusal(code, $"{what} `{System.Text.Encoding.UTF8.GetString(name)}` does not exist in this session", null, null);
        return Refuse(total, new PgDenial(refusal, 0), refusal.AsBind());
    }

    private Verdict Limit(int total, string why)
    {
        var refusal = new PgRefusal(PgError.LimitReached, why, null, "close those that are not needed any more");
        return Refuse(total, new PgDenial(refusal, 0), refusal.AsBind());
    }

    /// <summary>The server will fail at the replacement and pass over what follows it up to Sync: so it is here.</summary>
    private Verdict Refuse(int total, PgDenial denial, byte[] replacement)
    {
        ref var asked = ref state.Unanswered.Add(Ask.Execute);
        asked.Op = denial.Op;
        asked.Refusal = denial.Refusal;
        state.Skipping = true;
        return Verdict.Rewrite(total, replacement);
    }
}

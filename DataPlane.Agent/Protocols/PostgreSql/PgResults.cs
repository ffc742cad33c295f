using System.Globalization;
using AccessPlane.Contracts.Policy;
using AccessPlane.Contracts.Sql;

namespace AccessPlane.Agent.Protocols.PostgreSql;

/// <summary>
/// Bounds on what comes back and how long it takes. What is too much is cancelled, its rest dropped, and the client told an error in the place of the
/// server's answer; where the server was done already, its transaction is made to fail as well.
/// </summary>
internal sealed class PgResults(PgState state)
{
    private SessionLimits limits = SessionLimits.None;
    private long mostRows = long.MaxValue;
    private long mostBytes = long.MaxValue;
    private int executes;
    private bool isPending;
    private bool isRead;

    public SessionLimits Limits
    {
        get => limits;
        set
        {
            if (!ReferenceEquals(limits, value))
            {
                limits = value;
                mostRows = value.Rows?.Most ?? long.MaxValue;
                mostBytes = value.Bytes?.Most ?? long.MaxValue;
            }
        }
    }

    /// <summary>A statement is forwarded.</summary>
    /// <param name="ofUnit">By Execute: what follows in its unit may have to wait for its answer.</param>
    public void Begin(PgText text, bool ofUnit)
    {
        if (limits.BoundsResults && ofUnit)
        {
            executes++;
            isPending = true;
            isRead = text.Facts.Kinds.All(StatementKinds.ReadOnly.Contains);
        }
    }

    /// <summary>The counts of the cursor that a text fetches from; of several cursors they are one from then on.</summary>
    public PgTaken? TakenBy(PgText text)
    {
        PgTaken? taken = null;
        foreach (var use in text.Facts.Names ?? [])
        {
            var name = use is { Action: NameAction.Fetch, Name: { } fetched } ? System.Text.Encoding.UTF8.GetBytes(fetched) : null;
            if (name is null || state.Names.Portal(name) is not { Taken: { } its } portal || ReferenceEquals(its, taken))
            {
                continue;
            }
            if (taken is null)
            {
                taken = its;
                continue;
            }
            (taken.Rows, taken.Bytes) = (taken.Rows + its.Rows, taken.Bytes + its.Bytes);
            state.Names.SetPortal(name, portal with { Taken = taken });
        }
        return taken;
    }

    /// <summary>The unit ends with the client's Sync.</summary>
    public void EndUnit() => (executes, isPending) = (0, false);

    /// <summary>
    /// Whether the running statement must be answered before the client's next message is looked at. One read alone in its unit need not: if too much
    /// of it comes back, nothing else is undone by it.
    /// </summary>
    public bool MustBeAnswered(char next)
    {
        if (!isPending || next is 'X' || (next == 'S' && executes == 1 && isRead))
        {
            return false;
        }
        isPending = false;
        return state.AwaitsCount = state.Unanswered.Count > 0;
    }

    /// <summary>A row, or a piece of COPY data, came back.</summary>
    /// <returns>Whether the client may have it.</returns>
    public bool Take(ref PgAsked asked, int bytes)
    {
        asked.Rows++;
        asked.Bytes += bytes;
        if (asked.Taken is { } taken)
        {
            (asked.Rows, asked.Bytes) = (++taken.Rows, taken.Bytes += bytes);
        }
        if (asked.Rows <= mostRows && asked.Bytes <= mostBytes)
        {
            return true;
        }
        var (rule, what) = asked.Rows > mostRows
            ? (limits.Rows!.Rule, $"more than {Shown(mostRows)} rows")
            : (limits.Bytes!.Rule, $"more than {Shown(mostBytes)} bytes");
        asked.Stopped = new PgRefusal(
            PgError.TooLarge, $"cut off by `{rule}`: it returns {what}", PgRefusal.Where(state.Session, asked.Op),
            "what came before is not all of it; narrow it down, or fetch it in parts");
        state.Oversight.Fact("limit", $"`{rule}`: operation {asked.Op} returned {what}");
        state.Oversight.StopStatement();
        return false;
    }

    /// <summary>The server completed what was cut off, before it could be cancelled.</summary>
    public void CutOff(ref PgAsked asked, PgRefusal stopped)
    {
        if (!state.Muted)
        {
            state.Muted = true;
            state.Tell(stopped.Response(default));
            state.Operations.Fail(
                asked.Op, "cancelled", System.Text.Encoding.ASCII.GetBytes(stopped.Code), System.Text.Encoding.UTF8.GetBytes(stopped.Message));
        }
    }

    /// <summary>Looks at the time: a statement that takes too long is cancelled.</summary>
    /// <param name="opened">Timestamp of the session's begin.</param>
    /// <returns>Why the session must end; null where it may go on.</returns>
    public string? Look(SessionLimits now, long opened)
    {
        if (now.Session is { } whole && state.Clock.GetElapsedTime(opened) > whole.Most)
        {
            return $"the session has lasted {Shown(whole.Most)}, which is all that `{whole.Rule}` allows";
        }
        return state.Unanswered.Count > 0 ? LookAtStatement(now) : state.Holds.Current is null ? WhyTooIdle(now) : null;
    }

    private string? WhyTooIdle(SessionLimits now)
    {
        var quiet = state.Clock.GetElapsedTime(state.QuietSince);
        return now.IdleInTransaction is { } open && state.Transaction != 'I' && quiet > open.Most
            ? $"nothing was asked for {Shown(open.Most)} inside a transaction, which is all that `{open.Rule}` allows"
            : now.Idle is { } idle && quiet > idle.Most ? $"nothing was asked for {Shown(idle.Most)}, which is all that `{idle.Rule}` allows" : null;
    }

    private string? LookAtStatement(SessionLimits now)
    {
        ref var asked = ref Running();
        if (now.StatementTimeout is { } limit && asked is { Ask: Ask.Execute or Ask.Query, Late: null, Stopped: null, Refusal: null } &&
            state.Operations.RunningFor(asked.Op) > limit.Most)
        {
            var text = $"cancelled by `{limit.Rule}`: it ran longer than {Shown(limit.Most)}";
            asked.Late = new PgRefusal("57014", text, PgRefusal.Where(state.Session, asked.Op), "ask for less at a time");
            state.Oversight.Fact("limit", $"`{limit.Rule}`: operation {asked.Op} ran longer than {Shown(limit.Most)}");
            state.Oversight.StopStatement();
        }
        return null;
    }

    /// <summary>What runs now: what stands before it may be answered in the server's buffer.</summary>
    private ref PgAsked Running()
    {
        var at = 0;
        while (at < state.Unanswered.Count - 1 && state.Unanswered[at].Ask is not (Ask.Execute or Ask.Query))
        {
            at++;
        }
        return ref state.Unanswered[at];
    }

    public static string Shown(TimeSpan time) => time.TotalSeconds < 120
        ? string.Create(CultureInfo.InvariantCulture, $"{time.TotalSeconds:0.###} s")
        : string.Create(CultureInfo.InvariantCulture, $"{time.TotalMinutes:0.#} min");

    private static string Shown(long number) => number.ToString("N0", CultureInfo.InvariantCulture);
}

/// <summary>Whether the rows that a statement changes can be counted from outside.</summary>
internal static class PgBounds
{
    private static readonly string[] Writes = ["insert", "update", "delete", "merge"];

    public static Ruling Countable(Ruling ruling, StatementFacts facts)
    {
        if (!facts.Kinds.Any(Writes.Contains) && facts.Opaque is null)
        {
            return ruling with { MaxRows = null };
        }
        if (ruling.Effect == Effect.Deny)
        {
            return ruling;
        }
        if ((facts.Opaque ?? facts.Uncounted) is { } uncounted)
        {
            return Refuse(ruling, $"the rows that it changes cannot be counted: {uncounted}");
        }
        // a second write in the same statement, or one inside a query, shows in no count
        var counts = facts.Statements == 1 && Writes.Contains(facts.Kinds[0]) && facts.Kinds.Skip(1).All(k => k is "select" or "update" or "delete" or "insert");
        return counts ? ruling : Refuse(ruling, "the rows that it changes cannot be counted: send each write by itself, as one plain statement");
    }

    public static Ruling Refuse(Ruling ruling, string why) =>
        ruling with { Effect = Effect.Deny, Reasons = [new Reason(ruling.MaxRows!.Rule, Effect.Deny, why), .. ruling.Reasons] };
}

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
    /// <returns>Whether the session has asked for nothing for too long.</returns>
    public bool Look(SessionLimits now)
    {
        if (state.Unanswered.Count == 0)
        {
            return state.Holds.Current is null && now.Idle is { } idle && state.Clock.GetElapsedTime(state.QuietSince) > idle.Most;
        }
        ref var asked = ref Running();
        if (now.StatementTimeout is { } limit && asked is { Ask: Ask.Execute or Ask.Query, Late: null, Stopped: null, Refusal: null } &&
            state.Operations.RunningFor(asked.Op) > limit.Most)
        {
            var text = $"cancelled by `{limit.Rule}`: it ran longer than {Shown(limit.Most)}";
            asked.Late = new PgRefusal("57014", text, PgRefusal.Where(state.Session, asked.Op), "ask for less at a time");
            state.Oversight.Fact("limit", $"`{limit.Rule}`: operation {asked.Op} ran longer than {Shown(limit.Most)}");
            state.Oversight.StopStatement();
        }
        return false;
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
        if (!facts.Kinds.Any(Writes.Contains))
        {
            return ruling with { MaxRows = null };
        }
        // a second write in the same statement, or one inside a query, shows in no count
        var counts = facts.Statements == 1 && Writes.Contains(facts.Kinds[0]) && facts.Kinds.Skip(1).All(k => k == "select");
        return ruling.Effect == Effect.Deny || counts
            ? ruling
            : Refuse(ruling, "the rows that it changes cannot be counted: send each write by itself, as one plain statement");
    }

    public static Ruling Refuse(Ruling ruling, string why) =>
        ruling with { Effect = Effect.Deny, Reasons = [new Reason(ruling.MaxRows!.Rule, Effect.Deny, why), .. ruling.Reasons] };
}

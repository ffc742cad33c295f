using AccessPlane.Contracts.Policy;

namespace AccessPlane.Agent.Protocols.PostgreSql;

/// <summary>
/// The operation of a session that waits for people: one at a time, at the head of what its client sent. Nothing behind it passes, so that what is
/// released is what was parked; the original bytes pass once, or a failing statement in their place.
/// </summary>
internal sealed class PgHolds(PgState state)
{
    /// <summary>Of one session: who asks again and again shall not wear its approvers down.</summary>
    public const int MostAMinute = 6;

    /// <summary>What is longer cannot be read by a person who shall answer for it.</summary>
    public const int LongestText = 64 * 1024;

    private static readonly TimeSpan Minute = TimeSpan.FromMinutes(1);
    private readonly Queue<long> recent = new();

    /// <summary>Null while nothing waits.</summary>
    public PgHold? Current { get; private set; }

    /// <summary>Parks an operation that was recorded.</summary>
    /// <param name="bound">Null where it is not known what it was bound to, or too much.</param>
    /// <returns>Why it cannot wait; null when it does.</returns>
    public PgDenial? Park(string protocol, PgText text, PgBound? bound, Ruling ruling, long op)
    {
        var terms = ruling.Hold!;
        var rule = ruling.Deciding?.Rule ?? "policy";
        var now = state.Clock.GetTimestamp();
        while (recent.TryPeek(out var old) && state.Clock.GetElapsedTime(old, now) >= Minute)
        {
            recent.Dequeue();
        }
        var runs = state.Names.Runs.Of(text);
        var (why, hint) =
            text.Text.Length + runs.Sum(run => (long)run.Text.Text.Length) > LongestText ? ($"a statement of more than {LongestText:N0} bytes cannot be shown to whoever must look at it first", "send it in parts")
            : bound is null ? ("whoever must look at it first cannot be shown what it is bound to", "bind it again, with smaller values")
            : recent.Count >= MostAMinute ? ($"{MostAMinute} statements of this session had to wait for people within a minute", "wait a minute, and ask them what they would approve")
            : (null, null);
        if (why is not null)
        {
            return PgDenial.Refuse(state, new PgRefusal(PgError.Refused, $"denied by `{rule}`: {why}", PgRefusal.Where(state.Session, op), hint), op);
        }
        // locks are held: by the transaction block, or by what the sync unit has done before
        var patience = state.Transaction != 'I' || state.UnitHasRun ? terms.InTransaction : terms.Timeout;
        var hold = new PgHold(
            Guid.CreateVersion7(state.Clock.GetUtcNow()), op, protocol, text, bound!, ruling, state.Transaction,
            Binding(text, bound!, op), patience, now + (long)(patience.TotalSeconds * state.Clock.TimestampFrequency))
        {
            Facts = state.Sight.FactsOf(text),
            Runs = runs,
        };
        try
        {
            state.Oversight.Park(hold);
        }
        catch (IOException)
        {
            return PgDenial.Refuse(state, PgRefusal.NotRecorded, op);
        }
        recent.Enqueue(now);
        Current = hold;
        return null;
    }

    /// <summary>What is released is what was approved, down to the functions and tables that it names: they are looked at once more.</summary>
    public void LookAgain()
    {
        if (Current is { Outcome: HoldOutcome.Released, IsLookedAt: false } hold)
        {
            hold.IsLookedAt = true;
            state.Sight.LookAgain();
        }
    }

    /// <summary>What a decision is about: the text as it is understood now, together with what it runs by name.</summary>
    private string Binding(PgText text, PgBound bound, long op) => bound.Bind(
        text, state.Sight.FactsOf(text), $"{state.Oversight.Identity}\n{state.Views?.SearchPath ?? state.Catalog.PathSetting}", state.Session, op);

    /// <summary>What was parked is over: it passes now, or never.</summary>
    /// <param name="now">What the policy says of it at this moment.</param>
    /// <returns>Why it does not pass; null when it does.</returns>
    public PgDenial? Settle(PgText text, PgBound? bound, Ruling now)
    {
        var hold = Current!;
        Current = null;
        hold.Close(state.Clock.GetTimestamp());
        if (hold.Outcome == HoldOutcome.Released)
        {
            if (now.Effect == Effect.Deny)
            {
                hold.Void(HoldOutcome.Refused, "the policy", $"approved by {hold.By}, and denied by now by `{now.Deciding?.Rule}`: {now.Deciding?.Text}");
            }
            else if (bound is null || Binding(text, bound, hold.Op) != hold.Binding)
            {
                hold.Void(HoldOutcome.Refused, "the agent", "it is not any more what was approved");
            }
        }
        try
        {
            state.Oversight.Settled(hold);
        }
        catch (IOException)
        {
            // evidence before effect: the release is not on record, so it does not count
            hold.Void(HoldOutcome.Refused, "the agent", "the release could not be recorded");
            return PgDenial.Refuse(state, PgRefusal.NotRecorded, hold.Op);
        }
        finally
        {
            hold.Recorded();
        }
        return hold.Outcome == HoldOutcome.Released ? null : PgDenial.Refuse(
            state, RefusalOf(hold), hold.Op, hold.Outcome == HoldOutcome.Cancelled ? "cancelled" : "refused");
    }

    /// <summary>The session ends, or its client has left: whatever was decided, it does not run.</summary>
    public void Abandon(string by, string why)
    {
        if (Current is not { } hold)
        {
            return;
        }
        Current = null;
        hold.Void(HoldOutcome.Abandoned, by, why);
        PgDenial.Refuse(state, RefusalOf(hold), hold.Op);
        try
        {
            state.Oversight.Settled(hold);
        }
        finally
        {
            hold.Recorded();
        }
    }

    private PgRefusal RefusalOf(PgHold hold) => hold.Outcome == HoldOutcome.Cancelled
        ? new PgRefusal("57014", "canceling statement due to user request", PgRefusal.Where(state.Session, hold.Op), null)
        : new PgRefusal(
            PgError.Refused, $"denied by `{hold.Rule}`: {hold.Why}", $"hold {hold.Id:D}, {PgRefusal.Where(state.Session, hold.Op)}",
            hold.Outcome == HoldOutcome.Lapsed ? "send it again when an approver is there" : "talk to who decided, or send another statement");
}

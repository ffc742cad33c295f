using AccessPlane.Contracts.Messages;
using AccessPlane.Contracts.Policy;
using AccessPlane.Contracts.Sql;

namespace AccessPlane.Agent.Protocols.PostgreSql;

internal enum HoldOutcome { Waiting, Released, Refused, Lapsed, Cancelled, Abandoned }

/// <summary>
/// One operation that waits for people. The first word counts, whoever says it: a decision, the deadline, a cancel, the end of the session. Used
/// under the conversation's guard; no clock and no socket inside.
/// </summary>
/// <param name="deadline">Timestamp of the monotonic clock from which it can only lapse.</param>
internal sealed class PgHold(Guid id, long op, string protocol, PgText text, PgBound bound, Ruling ruling, byte transaction, string binding, TimeSpan patience, long deadline)
{
    private readonly TaskCompletionSource ended = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public Guid Id { get; } = id;
    public long Op { get; } = op;
    public string Protocol { get; } = protocol;
    public PgText Text { get; } = text;

    /// <summary>With those of what it runs by name.</summary>
    public required StatementFacts Facts { get; init; }

    /// <summary>What it runs by name.</summary>
    public required IReadOnlyList<PgRun> Runs { get; init; }

    public PgBound Bound { get; } = bound;
    public Ruling Ruling { get; } = ruling;
    public byte Transaction { get; } = transaction;
    public string Binding { get; } = binding;
    public TimeSpan Patience { get; } = patience;
    public string Rule { get; } = ruling.Deciding?.Rule ?? "policy";

    /// <summary>The deadline by the control plane's clock.</summary>
    public DateTimeOffset ExpiresAt { get; set; }

    public HoldOutcome Outcome { get; private set; }
    public bool IsWaiting => Outcome == HoldOutcome.Waiting;

    /// <summary>Who ended it, for the record.</summary>
    public string By { get; private set; } = "";

    /// <summary>What the client is told of it, and the control plane where it was not its own word.</summary>
    public string Why { get; private set; } = "";

    /// <summary>The control plane has ended it as well, in the same way.</summary>
    public bool IsKnown { get; private set; }

    /// <summary>Since it was released, the schema has been looked at again.</summary>
    public bool IsLookedAt { get; set; }

    /// <summary>Completes when its fate is recorded.</summary>
    public Task Ended => ended.Task;

    /// <summary>The control plane's word. A decision about something else, or after the deadline, releases nothing.</summary>
    public void Decide(HoldDecision decision, long now)
    {
        if (!IsWaiting || decision.Hold != Id)
        {
            return;
        }
        if (decision.Binding != Binding)
        {
            Set(HoldOutcome.Refused, decision.By, "the decision that came is about something else");
            return;
        }
        if (!Lapse(now))
        {
            var comment = string.IsNullOrWhiteSpace(decision.Comment) ? "" : $": {decision.Comment}";
            var (outcome, why) = decision.Outcome switch
            {
                "released" => (HoldOutcome.Released, ""),
                "refused" => (HoldOutcome.Refused, $"refused by {decision.By}{comment}"),
                "lapsed" => (HoldOutcome.Lapsed, NobodyAnswered),
                _ => (HoldOutcome.Refused, "the decision that came is of a kind that this agent does not know"),
            };
            Set(outcome, decision.By, why);
            IsKnown = decision.Outcome is "refused" or "lapsed";
        }
    }

    /// <returns>Whether its time was over, now or before.</returns>
    public bool Lapse(long now)
    {
        if (now < deadline)
        {
            return false;
        }
        if (IsWaiting)
        {
            Set(HoldOutcome.Lapsed, "time", NobodyAnswered);
        }
        return true;
    }

    /// <summary>The client takes it back.</summary>
    public bool Cancel()
    {
        if (!IsWaiting)
        {
            return false;
        }
        Set(HoldOutcome.Cancelled, "the client", "its client cancelled it");
        return true;
    }

    /// <summary>Whatever was decided, it will not run: the session has ended, or what holds now does not let it.</summary>
    public void Void(HoldOutcome how, string by, string why)
    {
        Set(how, by, why);
        IsKnown = false;
    }

    /// <summary>It was released, and this is the moment in which it would pass: is it still in time?</summary>
    public void Close(long now)
    {
        if (Outcome == HoldOutcome.Released && now >= deadline)
        {
            Void(HoldOutcome.Lapsed, "time", NobodyAnswered);
        }
    }

    public void Recorded() => ended.TrySetResult();

    private string NobodyAnswered => $"nobody approved it within {PgResults.Shown(Patience)}";

    private void Set(HoldOutcome outcome, string by, string why) => (Outcome, By, Why) = (outcome, by, why);
}

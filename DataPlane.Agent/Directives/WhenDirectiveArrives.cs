using System.Text.Json;
using AccessPlane.Agent.Gate;
using AccessPlane.Contracts.Messages;

namespace AccessPlane.Agent.Directives;

/// <summary>
/// Takes the control plane's word, one directive after the other: checks it, puts it in force, cuts what it ends, and reports back.
/// Nothing that arrives here makes it fail: what cannot be believed or read is counted and logged.
/// </summary>
internal sealed partial class WhenDirectiveArrives(
    InForce inForce, AgentIdentity identity, Memory memory, CatchUp catchUp, LiveSessions live, Tickets tickets, Answers answers, HoldDesk holds, Reports reports,
    ILogger<WhenDirectiveArrives> logger)
{
    private readonly Lock oneAtATime = new();

    /// <summary>What was taken away before its turn: a state or an order from before it must not bring it back.</summary>
    private readonly List<(long Position, object Body)> ahead = [];

    /// <param name="arrivedAt">Timestamp of the arrival: cuts are measured from it.</param>
    public void Take(Directive directive, long arrivedAt)
    {
        lock (oneAtATime)
        {
            try
            {
                Act(Reception.Of(directive, identity.Id, identity.IsFromControlPlane, memory.Last, catchUp.IsDone), directive, arrivedAt);
            }
            catch (Exception bad) when (bad is JsonException or InvalidOperationException or NotSupportedException or ArgumentException)
            {
                // genuine, but not readable by this version: as dangerous as an unknown order
                AgentMeter.DirectivesRefused.Add(1);
                LogUnreadable(directive.Kind, directive.Position, bad);
                catchUp.Needed($"the directive `{directive.Kind}` at {directive.Position} cannot be read");
            }
        }
    }

    private void Act(Reception reception, Directive directive, long arrivedAt)
    {
        switch (reception)
        {
            case Reception.Refuse refused:
                AgentMeter.DirectivesRefused.Add(1);
                LogRefused(directive.Kind, directive.Position, refused.Why);
                return;
            case Reception.Behind behind:
                AgentMeter.DirectivesRefused.Add(1);
                LogRefused(directive.Kind, directive.Position, behind.Why);
                answers.Behind((LeaseAnswer)Bodies.Read(directive), directive.Position);
                return;
            case Reception.Ignore:
                return;
            case Reception.Halt:
                memory.Remember(memory.Last with { Halted = directive.Kind });
                inForce.Halt($"the order `{directive.Kind}` is not known to this version of the agent: upgrade it");
                LogHalted(directive.Kind, directive.Position);
                return;
            case Reception.Gap:
                catchUp.Needed($"`{directive.Kind}` at {directive.Position} does not follow from {memory.Last.Position}");
                TakeAway(directive, arrivedAt);
                return;
            case Reception.Answer:
                answers.Take(Bodies.Read(directive), directive.At, arrivedAt);
                return;
            case Reception.Replace:
                var state = (AgentState)Bodies.Read(directive);
                Replace(WithoutWhatIsGone(Snapshot.Of(directive.Epoch, directive.Position, state)), directive.Witness(), arrivedAt);
                foreach (var decision in state.Holds ?? [])
                {
                    holds.Decided(decision);
                }
                return;
            case Reception.Apply:
                var body = Bodies.Read(directive);
                memory.Remember(new Remembered(directive.Epoch, directive.Position, memory.Last.Halted, directive.Witness()));
                inForce.Swap(WithoutWhatIsGone(inForce.Current.Apply(body) with { Position = directive.Position }));
                Enforce(body, arrivedAt);
                reports.PostApplied(directive.Position);
                return;
            default:
                throw new InvalidOperationException($"no action for {reception}");
        }
    }

    private void Replace(Snapshot next, Witness seen, long arrivedAt)
    {
        var before = inForce.Current;
        memory.Remember(new Remembered(next.Epoch, next.Position, memory.Last.Halted, seen));
        inForce.Swap(next);
        foreach (var (id, grant) in before.Grants)
        {
            if (!next.Grants.ContainsKey(id))
            {
                var expired = inForce.Time.Latest >= grant.NotAfter;
                var forgotten = next.Epoch > before.Epoch ? "the control plane's log was set back to a backup, and does not hold the grant any more" : "the grant was ended";
                live.CutGrant(id, expired ? "expired" : "revoked", expired ? "the grant has expired" : forgotten, arrivedAt);
            }
        }
        live.CutWhatEnded(arrivedAt);
        catchUp.Done();
        tickets.Keep(next.Tickets.Keys.ToHashSet(StringComparer.Ordinal), inForce.Time.Earliest);
        reports.PostApplied(next.Position);
        LogCaughtUp(next.Position, next.Grants.Count, next.Policy.Version);
    }

    /// <summary>Something before this order is lost. It cannot be applied in its place, but what it takes away may go now: that widens nothing.</summary>
    private void TakeAway(Directive directive, long arrivedAt)
    {
        if (directive.Kind is DirectiveKinds.GrantEnded or DirectiveKinds.Lock or DirectiveKinds.Terminate && directive.Epoch == memory.Last.Epoch)
        {
            var body = Bodies.Read(directive);
            ahead.Add((directive.Position, body));
            inForce.Swap(inForce.Current.Apply(body));
            Enforce(body, arrivedAt);
        }
    }

    private Snapshot WithoutWhatIsGone(Snapshot next)
    {
        ahead.RemoveAll(a => a.Position <= next.Position || next.Epoch != memory.Last.Epoch);
        return ahead.Aggregate(next, (snapshot, gone) => snapshot.Apply(gone.Body));
    }

    private void Enforce(object body, long arrivedAt)
    {
        switch (body)
        {
            case GrantEnd end:
                live.CutGrant(end.Grant, end.Cause, end.Why, arrivedAt);
                break;
            case TerminateOrder order:
                live.CutSession(order.Session, "terminated", order.Why, arrivedAt);
                break;
            case RequestClosure closure:
                answers.Take(closure);
                break;
            case HoldDecision decision:
                holds.Decided(decision);
                break;
            case TicketOffer or LockLift or MaskingApply:
                break;
            default:
                live.CutWhatEnded(arrivedAt);
                break;
        }
    }

    [LoggerMessage(Level = LogLevel.Error, Message = "the directive `{Kind}` at {Position} was refused: {Why}")]
    private partial void LogRefused(string kind, long position, string why);

    [LoggerMessage(Level = LogLevel.Error, Message = "the directive `{Kind}` at {Position} cannot be read")]
    private partial void LogUnreadable(string kind, long position, Exception exception);

    [LoggerMessage(Level = LogLevel.Critical, Message = "frozen: the order `{Kind}` at {Position} is not known to this version of the agent")]
    private partial void LogHalted(string kind, long position);

    [LoggerMessage(Level = LogLevel.Information, Message = "caught up to {Position}: {Grants} grants, policy {Policy}")]
    private partial void LogCaughtUp(long position, int grants, long policy);
}

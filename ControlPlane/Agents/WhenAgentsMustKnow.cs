using AccessPlane.Contracts;
using AccessPlane.ControlPlane.EventStore;
using AccessPlane.ControlPlane.History;

namespace AccessPlane.ControlPlane.Agents;

/// <summary>
/// Brings the log to the agents: in order, each directive with the position of the one before it. A crash in between repeats directives under the same
/// positions; agents ignore what they have. What the broker does not take for an agent, that agent learns to have missed with its next lease.
/// </summary>
public sealed partial class WhenAgentsMustKnow(EventLog log, AgentLine line, AgentTable table, LogHistories histories, ILogger<WhenAgentsMustKnow> logger) : Subscription
{
    public const string SubscriptionName = "agent-directives";
    private const int BatchSize = 1_000;
    private AgentKnowledge known = AgentKnowledge.Nothing;

    public override string Name => SubscriptionName;
    public override IReadOnlyCollection<string>? Types => AgentKnowledge.Types;

    public override async Task Begin(long checkpoint, CancellationToken cancel)
    {
        known = await FoldUpTo(checkpoint, cancel);
        // whoever had sent up to the checkpoint may have lost its word of it
        await table.Published(known.Position, cancel);
    }

    private async Task<AgentKnowledge> FoldUpTo(long checkpoint, CancellationToken cancel)
    {
        var state = AgentKnowledge.Nothing;
        while (true)
        {
            var events = await log.ReadAll(state.Position, AgentKnowledge.Types, BatchSize, cancel);
            foreach (var stored in events)
            {
                if (stored.Position > checkpoint)
                {
                    return state;
                }
                state = AgentKnowledge.Fold(state, stored);
            }
            if (events.Count < BatchSize)
            {
                return state;
            }
        }
    }

    public override async Task Handle(IReadOnlyList<Stored> events, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(events);
        // a log that was set back has nothing to say until an admin knows
        await histories.Whole(cancel);
        var heads = (await table.All(cancel)).ToDictionary(p => p.Key, p => p.Value.Head);
        var (sent, missed) = (new HashSet<string>(StringComparer.Ordinal), new HashSet<string>(StringComparer.Ordinal));
        foreach (var stored in events)
        {
            // INVARIANT: a repeated batch folds each event once; what is known must not run ahead of what was sent
            var before = known;
            var after = stored.Position > known.Position ? AgentKnowledge.Fold(known, stored) : known;
            foreach (var order in DirectivesOf.Event(stored, before, after))
            {
                var head = heads.GetValueOrDefault(order.Agent);
                if (head < stored.Position)
                {
                    if (!await line.Send(order.Agent, stored.Position, head, order.Kind, order.Body, cancel, stored.Id) && missed.Add(order.Agent))
                    {
                        LogNotTaken(order.Agent, stored.Position);
                    }
                    heads[order.Agent] = stored.Position;
                    sent.Add(order.Agent);
                }
            }
            known = after;
        }
        // after the sending: a lease that names a position must find its directive in the queue already
        foreach (var agent in sent)
        {
            await table.Sent(agent, heads[agent], cancel);
        }
        if (events.Count > 0)
        {
            await table.Published(events[^1].Position, cancel);
        }
    }

    [LoggerMessage(LogLevel.Warning, "the broker does not take orders for the agent `{Agent}`, from position {Position} on: it catches up with its next lease, and freezes without one")]
    private partial void LogNotTaken(string agent, long position);
}

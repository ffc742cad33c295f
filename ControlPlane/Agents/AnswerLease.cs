using AccessPlane.Contracts.Messages;
using AccessPlane.ControlPlane.EventStore;
using AccessPlane.ControlPlane.History;
using AccessPlane.ControlPlane.Keys;

namespace AccessPlane.ControlPlane.Agents;

/// <summary>
/// Answers an agent's question for a sign of life, but only once everything that the log held when it was asked has been sent to the agents:
/// a publisher that is stuck stops the leases, and with them the forwarding.
/// </summary>
public sealed class AnswerLease(
    EventLog log, AgentSights sights, OwnLease owners, AgentStateBuilder states, AgentTable table, AgentLine line, KeyWatch keys, CheckpointedLog checkpointed, TimeProvider clock)
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan LookAgain = TimeSpan.FromMilliseconds(10);

    public async Task Handle(string agent, LeaseAsk ask, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(ask);
        if (await sights.WhyNot(new Claim(agent, ask.Epoch, ask.Position, ask.Seen), cancel) is { } not)
        {
            await line.Refuse(agent, new LeaseRefusal(ask.Nonce, not.Cause, not.Why, null, not.Rollback), cancel);
            return;
        }
        var (turn, clone) = await owners.Asked(agent, ask, (await states.Current(cancel)).Clones.GetValueOrDefault(agent), cancel);
        if (turn is Turn.Refused { IsClone: var isClone })
        {
            var why = isClone ? clone!.Detail : "another process of this agent had the lease a moment ago: this one gets it when that one is gone";
            await line.Refuse(agent, new LeaseRefusal(ask.Nonce, isClone ? "clone" : "second", why, turn.Owner.Contest), cancel);
            return;
        }
        if (keys.Known.Ring is var ring && ring.Digest() != (ask.Ring ?? ""))
        {
            // before the lease: that may be signed with a key that the agent does not know yet
            await line.Answer(agent, 0, DirectiveKinds.Keys, ring, cancel);
        }
        var began = clock.GetTimestamp();
        var drawn = await log.Drawn(cancel);
        long? due = null;
        var known = AgentKnowledge.Nothing;
        while (true)
        {
            // an append that is under way must be seen before it can be known what it means for agents
            due ??= await log.Head(cancel) >= drawn ? (known = await states.Current(cancel)).Position : null;
            var (published, head, server) = await table.Heads(agent, cancel);
            if (published >= due)
            {
                var answer = new LeaseAnswer(
                    ask.Nonce, turn.Owner.Contest, clone?.Detail, known.Keys.GetValueOrDefault(agent)?.Word, await checkpointed.Position(cancel), server);
                if (await line.Answer(agent, head, DirectiveKinds.Lease, answer, cancel))
                {
                    await table.LeaseAnswered(agent, clock.GetUtcNow(), Readable(ask.Condition), cancel);
                }
                return;
            }
            if (clock.GetElapsedTime(began) >= Patience)
            {
                return; // the agent asks again; without an answer it freezes, and that is right
            }
            await Task.Delay(LookAgain, clock, cancel);
        }
    }

    /// <summary>It is shown to people, and nothing else: what makes no sense is not shown.</summary>
    private static AgentCondition? Readable(AgentCondition? said) =>
        said is { Version.Length: <= 40, Sessions: >= 0, Spool: >= 0 and <= 1, WaitingSeconds: >= 0 } && said.Version.All(c => char.IsAsciiLetterOrDigit(c) || c is '.' or '-' or '+') ? said : null;
}

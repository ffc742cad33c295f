using AccessPlane.Contracts.Messages;
using AccessPlane.ControlPlane.EventStore;

namespace AccessPlane.ControlPlane.Agents;

/// <summary>
/// Answers an agent's question for a sign of life, but only once everything that the log held when it was asked has been sent to the agents:
/// a publisher that is stuck stops the leases, and with them the forwarding.
/// </summary>
public sealed class AnswerLease(EventLog log, AgentStateBuilder states, AgentTable table, AgentLine line, TimeProvider clock)
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan LookAgain = TimeSpan.FromMilliseconds(10);

    public async Task Handle(string agent, LeaseAsk ask, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(ask);
        var began = clock.GetTimestamp();
        var drawn = await log.Drawn(cancel);
        long? due = null;
        while (true)
        {
            // an append that is under way must be seen before it can be known what it means for agents
            due ??= await log.Head(cancel) >= drawn ? (await states.Current(cancel)).Position : null;
            var (published, head) = await table.Heads(agent, cancel);
            if (published >= due)
            {
                await line.Answer(agent, head, DirectiveKinds.Lease, new LeaseAnswer(ask.Nonce), cancel);
                await table.LeaseAnswered(agent, clock.GetUtcNow(), cancel);
                return;
            }
            if (clock.GetElapsedTime(began) >= Patience)
            {
                return; // the agent asks again; without an answer it freezes, and that is right
            }
            await Task.Delay(LookAgain, clock, cancel);
        }
    }
}

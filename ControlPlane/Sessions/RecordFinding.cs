using AccessPlane.Contracts;
using AccessPlane.Contracts.Events;
using AccessPlane.Contracts.Identity;
using AccessPlane.Contracts.Messages;
using AccessPlane.ControlPlane.Agents;
using AccessPlane.ControlPlane.EventStore;

namespace AccessPlane.ControlPlane.Sessions;

/// <summary>An agent found evidence on its disk that it cannot read: said once, kept for ever, with the agent's own stream.</summary>
public sealed class RecordFinding(Handle handle, TimeProvider clock)
{
    public async Task Handle(string agent, EvidenceGap finding, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(finding);
        await handle.Run(
            new Handling<Agent>(
                Ids.Agent(agent), Agent.StreamType, Agent.Initial, Agent.Evolve,
                _ => Outcome.Of(new EvidenceGapFound(agent, finding.Kind, $"session {finding.Session}: {finding.Detail}")),
                new EventContext(Actor.System($"agent {agent}"), Guid.CreateVersion7(clock.GetUtcNow())),
                Ids.Derive(finding.Session, $"finding/{finding.Kind}")),
            cancel);
    }
}

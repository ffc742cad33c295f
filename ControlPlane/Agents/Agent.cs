using AccessPlane.Contracts;
using AccessPlane.Contracts.Events;

namespace AccessPlane.ControlPlane.Agents;

/// <summary>Invited → Enrolled → Retired. A retired one may be invited again: it starts anew.</summary>
public abstract record Agent
{
    public const string StreamType = "agent";

    private Agent() { }

    public static Agent Initial { get; } = new None();

    public string Name => GetType().Name;

    public sealed record None : Agent;

    public sealed record Invited(AgentInvited Invitation) : Agent;

    /// <param name="SilentSince">When it was last heard of, where it is silent.</param>
    /// <param name="CloneFound">Null where no other process was found to have its identity.</param>
    public sealed record Enrolled(AgentEnrolled As, DateTimeOffset? SilentSince, AgentCloneFound? CloneFound = null) : Agent
    {
        public AgentKeyHistory Keys { get; init; } = AgentKeyHistory.Of(As);
    }

    public sealed record Retired(AgentRetired How) : Agent;

    public static Agent Evolve(Agent state, IEvent e) => (state, e) switch
    {
        (None or Invited or Retired, AgentInvited invitation) => new Invited(invitation),
        (Invited, AgentEnrolled enrolled) => new Enrolled(enrolled, null),
        (Enrolled agent, AgentSilent silent) => agent with { SilentSince = silent.LastSeenAt },
        (Enrolled agent, AgentReturned) => agent with { SilentSince = null },
        (Enrolled agent, AgentCloneFound found) => agent with { CloneFound = found },
        (Enrolled agent, AgentKeyRotationOrdered or AgentKeyAnnounced) => agent with { Keys = agent.Keys.After(e) },
        (Invited or Enrolled, AgentRetired retired) => new Retired(retired),
        (_, EvidenceGapFound) => state,
        _ => throw new InvalidOperationException($"`{e?.GetType().Name}` cannot happen to an agent that is {state?.Name}"),
    };
}

using AccessPlane.Agent.Directives;
using AccessPlane.Contracts.Messages;

namespace AccessPlane.Agent.Gate;

/// <summary>What the agent was told about masks that a database enforces, and where it says how they stand. Written once for all protocols.</summary>
/// <param name="tell">Hands a report over some time.</param>
/// <param name="state">The agent's state folder.</param>
public sealed class MaskDesk(InForce inForce, Action<MaskingState> tell, string state)
{
    private readonly Lazy<byte[]> secret = new(() => MaskSecret.Open(state));

    public string Agent => inForce.Agent;

    /// <summary>What hashes of masked values are keyed by.</summary>
    public byte[] Secret => secret.Value;

    public string State { get; } = state;

    /// <summary>What is in force, whole.</summary>
    public Snapshot Current => inForce.Current;

    /// <summary>Beats whenever something there changed.</summary>
    public Pulse Changed => inForce.Changed;

    public void Tell(MaskingState masking) => tell(masking);
}

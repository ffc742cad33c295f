using AccessPlane.Contracts;
using AccessPlane.Contracts.Events;

namespace AccessPlane.Projections;

/// <param name="State">Invited, Enrolled, Silent, Retired.</param>
/// <param name="PublicKey">ECDSA P-256, SubjectPublicKeyInfo, base64: verifies the agent's transcripts.</param>
/// <param name="CloneFound">Why two processes are known to have its identity; null where they are not.</param>
public sealed record AgentRow(
    string Id, string State, IReadOnlyList<string> Resources, IReadOnlyList<AgentEndpoint> Endpoints, string? PublicKey, DateTimeOffset Since,
    DateTimeOffset? LastSeenAt, int Sessions, int Gaps, long Version, string? CloneFound = null);

/// <summary>Every agent, with how it is doing as far as the log tells; the age of its lease is added on read.</summary>
public sealed class AgentHealth() : Projection<AgentRow>(
    "agent-health",
    typeof(AgentInvited), typeof(AgentEnrolled), typeof(AgentRetired), typeof(AgentSilent), typeof(AgentReturned), typeof(AgentCloneFound), typeof(EvidenceGapFound),
    typeof(SessionOpened), typeof(AgentKeyAnnounced))
{
    public override IEnumerable<Change> Changes(Stored stored)
    {
        ArgumentNullException.ThrowIfNull(stored);
        yield return stored.Event switch
        {
            AgentInvited e => Upsert(e.Agent, row => row is null
                ? new AgentRow(e.Agent, "Invited", e.Resources, [], null, stored.At, null, 0, 0, stored.Version)
                : row with { Resources = e.Resources, Version = stored.Version }),
            AgentEnrolled e => Update(e.Agent, row => row with
            {
                State = "Enrolled",
                Resources = e.Resources,
                Endpoints = e.Endpoints,
                PublicKey = e.PublicKey,
                Since = stored.At,
                CloneFound = null,
                Version = stored.Version,
            }),
            AgentRetired e => Update(e.Agent, row => row with { State = "Retired", Since = stored.At, Version = stored.Version }),
            AgentSilent e => Update(e.Agent, row => row with { State = "Silent", Since = stored.At, LastSeenAt = e.LastSeenAt, Version = stored.Version }),
            AgentReturned e => Update(e.Agent, row => row with { State = "Enrolled", Since = stored.At, LastSeenAt = null, Version = stored.Version }),
            AgentCloneFound e => Update(e.Agent, row => row with { CloneFound = e.Detail, Version = stored.Version }),
            AgentKeyAnnounced e => Update(e.Key.Agent, row => row with { PublicKey = e.Key.PublicKey, Version = stored.Version }),
            EvidenceGapFound e => Update(e.Agent, row => row with { Gaps = row.Gaps + 1 }),
            SessionOpened e => Update(e.Agent, row => row with { Sessions = row.Sessions + 1 }),
            _ => throw new InvalidOperationException($"`{stored.Event.GetType().Name}` is not an agent's"),
        };
    }
}

using AccessPlane.Contracts.Events;

namespace AccessPlane.Contracts.Messages;

/// <summary>What an agent posts to `/v1/agents/{id}/enrol`, once.</summary>
/// <param name="Token">The one-time token that the admin got.</param>
/// <param name="PublicKey">The agent's own ECDSA P-256 key, SubjectPublicKeyInfo, base64.</param>
public sealed record EnrolmentAsk(string Token, string PublicKey, IReadOnlyList<AgentEndpoint> Endpoints);

/// <summary>What it gets: its own broker user and the keys it must trust.</summary>
/// <param name="SigningKey">The control plane's ECDSA P-256 key, SubjectPublicKeyInfo, base64.</param>
/// <param name="EncryptionKey">The control plane's ECDH P-256 key, SubjectPublicKeyInfo, base64.</param>
public sealed record Enrolment(string Agent, string BrokerUri, string BrokerUser, string BrokerPassword, string SigningKey, string EncryptionKey, long Epoch);

using AccessPlane.Contracts.Identity;

namespace AccessPlane.Contracts.Events;

/// <summary>A place for an agent was made; it enrols with the one-time token whose hash is kept here.</summary>
/// <param name="TokenHash">SHA-256 of the 256-bit token, lower-case hex.</param>
public sealed record AgentInvited(string Agent, IReadOnlyList<string> Resources, string TokenHash, DateTimeOffset ExpiresAt, Actor By) : IEvent;

/// <param name="PublicKey">The agent's ECDSA P-256 key, SubjectPublicKeyInfo, base64.</param>
/// <param name="Endpoints">Where clients reach it, by resource.</param>
public sealed record AgentEnrolled(string Agent, IReadOnlyList<string> Resources, string PublicKey, IReadOnlyList<AgentEndpoint> Endpoints) : IEvent;

public sealed record AgentEndpoint(string Resource, string Host, int Port);

public sealed record AgentRetired(string Agent, Actor By, string Why) : IEvent;

/// <summary>No liveness lease was renewed for longer than the resource's freeze-after.</summary>
public sealed record AgentSilent(string Agent, DateTimeOffset LastSeenAt) : IEvent;

public sealed record AgentReturned(string Agent, DateTimeOffset SilentSince) : IEvent;

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

/// <summary>Two processes have this agent's identity: its state was copied, or set back. One has the lease, no other one gets it, and both are to be looked at
/// until the agent is retired and enrols anew.</summary>
/// <param name="Kind">`lease`: both were proven to live at once; `session-number`: both have counted the same session.</param>
/// <param name="Owner">The process that has the lease.</param>
public sealed record AgentCloneFound(string Agent, string Kind, string Detail, Guid? Owner = null, Guid? Rival = null) : IEvent;

/// <summary>No liveness lease was renewed for longer than the resource's freeze-after.</summary>
public sealed record AgentSilent(string Agent, DateTimeOffset LastSeenAt) : IEvent;

public sealed record AgentReturned(string Agent, DateTimeOffset SilentSince) : IEvent;

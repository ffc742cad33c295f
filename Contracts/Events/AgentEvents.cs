using AccessPlane.Contracts.Identity;
using AccessPlane.Contracts.Messages;

namespace AccessPlane.Contracts.Events;

/// <summary>A place for an agent was made; it enrols with the one-time token whose hash is kept here.</summary>
/// <param name="TokenHash">SHA-256 of the 256-bit token, lower-case hex.</param>
public sealed record AgentInvited(string Agent, IReadOnlyList<string> Resources, string TokenHash, DateTimeOffset ExpiresAt, Actor By) : IEvent;

/// <param name="PublicKey">The agent's ECDSA P-256 key, SubjectPublicKeyInfo, base64.</param>
/// <param name="Endpoints">Where clients reach it, by resource.</param>
public sealed record AgentEnrolled(string Agent, IReadOnlyList<string> Resources, string PublicKey, IReadOnlyList<AgentEndpoint> Endpoints) : IEvent;

/// <param name="Tls">Whether the listener has a certificate.</param>
/// <param name="ChannelBinding">Whether a login by ticket can be bound to it (SCRAM-SHA-256-PLUS).</param>
public sealed record AgentEndpoint(string Resource, string Host, int Port, bool Tls = false, bool ChannelBinding = false);

/// <summary>An admin wants the agent to have another key. It makes it by itself, with its next lease.</summary>
/// <param name="Generation">The one after the newest that is known.</param>
public sealed record AgentKeyRotationOrdered(string Agent, int Generation, TimeSpan Overlap, Actor By, string Reason) : IEvent;

/// <summary>The agent has a new key, and signs with it as soon as it hears that this is in the log.</summary>
/// <param name="OverlapUntil">Until then what the key before it signs is believed too.</param>
public sealed record AgentKeyAnnounced(AgentKeyAnnouncement Key, DateTimeOffset OverlapUntil) : IEvent;

public sealed record AgentRetired(string Agent, Actor By, string Why) : IEvent;

/// <summary>Two processes have this agent's identity: its state was copied, or set back. One has the lease, no other one gets it, and both are to be looked at
/// until the agent is retired and enrols anew.</summary>
/// <param name="Kind">`lease`: both were proven to live at once; `session-number`: both have counted the same session.</param>
/// <param name="Owner">The process that has the lease.</param>
public sealed record AgentCloneFound(string Agent, string Kind, string Detail, Guid? Owner = null, Guid? Rival = null) : IEvent;

/// <summary>No liveness lease was renewed for longer than the resource's freeze-after.</summary>
public sealed record AgentSilent(string Agent, DateTimeOffset LastSeenAt) : IEvent;

public sealed record AgentReturned(string Agent, DateTimeOffset SilentSince) : IEvent;

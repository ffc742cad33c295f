using AccessPlane.Contracts.Identity;
using AccessPlane.Contracts.Messages;

namespace AccessPlane.Contracts.Events;

/// <summary>The control plane has a new key. A signing key signs once the one before it is retired, and agents believe both until then; with an encryption
/// key agents seal from now on, and what was sealed with the one before can still be opened.</summary>
/// <param name="OverlapUntil">When the one before it is retired by itself; of encryption keys the time of this.</param>
public sealed record ControlPlaneKeyAnnounced(KeyAnnouncement Key, DateTimeOffset OverlapUntil, Actor By, string Reason) : IEvent;

/// <summary>A signing key signs nothing any more, and agents do not believe it. What it signed before stays verifiable.</summary>
/// <param name="By">Null where its overlap was over.</param>
public sealed record ControlPlaneKeyRetired(string PublicKey, bool Compromised, Actor? By, string Why) : IEvent;

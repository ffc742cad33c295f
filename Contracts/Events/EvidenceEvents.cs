using AccessPlane.Contracts.Evidence;
using AccessPlane.Contracts.Identity;
using AccessPlane.Contracts.Messages;

namespace AccessPlane.Contracts.Events;

/// <summary>A checkpoint was taken. Its file, outside of the database, holds the same.</summary>
/// <param name="Changed">The sessions that are new or other than in the checkpoint before: whoever holds all files knows every session that ever was.</param>
/// <param name="Keys">How the key that signed it follows from the ones before; null where no other ever signed. Whoever wants to know checks their signatures.</param>
public sealed record EvidenceCheckpointed(
    Checkpoint Checkpoint, IReadOnlyList<SessionHead> Changed, IReadOnlyList<SessionCount> Counts, IReadOnlyList<KeyAnnouncement>? Keys = null) : IEvent;

/// <summary>Somebody took evidence out: of a request, of a session, or of a period and perhaps one resource.</summary>
/// <param name="Format">`json` or `html`.</param>
public sealed record EvidenceExported(
    Guid Export, Guid? Request, Guid? Session, DateTimeOffset? From, DateTimeOffset? To, string? Resource, string Format, Actor By) : IEvent;

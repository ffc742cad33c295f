using AccessPlane.Contracts.Identity;

namespace AccessPlane.Contracts.Events;

/// <param name="Number">The agent's own count of sessions, without holes: a missing number shows that a whole session is missing.</param>
/// <param name="DatabaseLogin">Null where it used the agent's own credential.</param>
/// <param name="Previous">The agent's session before it, as the agent has signed; null where it knew of none.</param>
public sealed record SessionOpened(
    Guid Session, Guid Grant, string Resource, string Agent, Actor Holder, string Database, string Client, string Application,
    DateTimeOffset StartedAt, long Number, long PolicyVersion, string Entitlement = "", Transcripts.SessionLogin? DatabaseLogin = null, Guid? Previous = null) : IEvent;

/// <summary>A segment of a session's transcript, checked against the agent's key and the chain before it was taken.</summary>
/// <param name="Entries">The entries' exact canonical bytes, one a line (<see cref="Transcripts.HashChain"/>).</param>
public sealed record TranscriptRecorded(
    Guid Session, string Agent, int Number, long FirstSeq, long LastSeq, string PreviousHead, string Head, bool Final, string Entries, string Signature) : IEvent;

/// <summary>The client left.</summary>
public sealed record SessionClosed(DateTimeOffset EndedAt, string Cause) : IEvent;

/// <summary>The product ended it.</summary>
/// <param name="Cause">revoked, surrendered, expired, locked, terminated, lease-lost, policy, upstream, protocol, limit, spool.</param>
/// <param name="CutLatency">From the agent's receipt of the order to the cut, where there was one.</param>
public sealed record SessionTerminated(DateTimeOffset EndedAt, string Cause, TimeSpan? CutLatency) : IEvent;

/// <summary>The agent died with the session open; what the resource did after the last entry is unknown.</summary>
public sealed record SessionLost(DateTimeOffset LastKnownAt) : IEvent;

/// <summary>Someone with authority ordered the end of one session; its grant lives on.</summary>
public sealed record SessionTerminationOrdered(Guid Session, string Agent, Actor By, string Why) : IEvent;

/// <summary>Content that should not be there came back of an operation, and was hidden on its way; the value itself is nowhere.</summary>
/// <param name="Rule">The mask rule's id.</param>
/// <param name="Column">As the result names it.</param>
/// <param name="Count">How often.</param>
public sealed record DetectorHit(Guid Session, long Op, string Rule, Policy.Detector Detector, string Column, long Count) : IEvent;

/// <summary>Evidence is missing or does not check out. A visible fact, never a silent one.</summary>
public sealed record EvidenceGapFound(string Agent, string Kind, string Detail) : IEvent;

/// <summary>Reading a transcript is itself an audited event.</summary>
public sealed record TranscriptRead(Guid Session, Actor Reader, bool Follow) : IEvent;

/// <summary>So is a search of what others ran, whose answer shows their statements. The same search is told once in ten minutes, however often a page repeats it.</summary>
/// <param name="By">What was asked for, by the API's names: `text`, `actor`, `relation`…; empty for the newest of all; `session` and `op` for why one was ruled upon as it was.</param>
public sealed record OperationsSearched(Actor Reader, IReadOnlyDictionary<string, string> By) : IEvent;

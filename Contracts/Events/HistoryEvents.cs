using AccessPlane.Contracts.Identity;
using AccessPlane.Contracts.Messages;

namespace AccessPlane.Contracts.Events;

/// <summary>The log holds less than somebody was told or kept of it: an old backup was restored. Agents are told nothing from here on, until an admin
/// acknowledges it.</summary>
/// <param name="Source">`agent`, `checkpoints` (their directory), or `control-plane` (a replica whose database was changed beneath it).</param>
/// <param name="By">Which agent, directory or replica.</param>
/// <param name="Epoch">The log's.</param>
/// <param name="LogEnd">The last position that the log had drawn.</param>
/// <param name="SeenEpoch">What is proven to have been.</param>
/// <param name="SeenPosition">Likewise, in that epoch.</param>
/// <param name="Checkpoint">The newest checkpoint of the directory that the log does not hold; 0 where there is none, or nobody could look.</param>
/// <param name="Tip">The position up to which that checkpoint speaks.</param>
/// <param name="Lost">Sessions of which those checkpoints hold more than the log. Their agents have deleted it, as it was acknowledged.</param>
public sealed record LogRollbackFound(
    Guid Rollback, DateTimeOffset At, string Source, string By, long Epoch, long LogEnd, long SeenEpoch, long SeenPosition, long Checkpoint, long Tip,
    IReadOnlyList<LostEvidence> Lost) : IEvent;

/// <param name="Entries">How many entries of the transcript were recorded.</param>
/// <param name="Kept">How many of them the log still holds.</param>
public sealed record LostEvidence(Guid Session, Guid Grant, string Resource, string Agent, long Entries, long Kept);

/// <summary>What an agent that knows more than the log said of it.</summary>
/// <param name="PolicyVersion">In force at the agent.</param>
/// <param name="Told">Whether it said more than how far it once was: one that was started since cannot.</param>
/// <param name="Ended">Grants that are active in the log, and that the agent knows to have ended.</param>
/// <param name="Issued">Grants that are in force at the agent, and that the log does not know to be active.</param>
/// <param name="Locks">Locks that stand at the agent, and not in the log.</param>
public sealed record LogRollbackWitnessed(
    Guid Rollback, string Agent, long Epoch, long Position, long PolicyVersion, bool Told, IReadOnlyList<Guid> Ended, IReadOnlyList<Guid> Issued,
    IReadOnlyList<LockOrder> Locks) : IEvent;

/// <summary>An admin has taken note: a new epoch begins, and agents take everything anew from this log.</summary>
/// <param name="Epoch">The new one: above all that was ever seen.</param>
/// <param name="Revoked">Grants that were ended first: agents knew their end, or none could say that they had not ended.</param>
/// <param name="Locks">Locks that were placed again first.</param>
public sealed record LogRollbackAcknowledged(
    Guid Rollback, DateTimeOffset At, Actor By, string Reason, long Epoch, IReadOnlyList<Guid> Revoked, IReadOnlyList<Guid> Locks) : IEvent;

using AccessPlane.Contracts.Identity;

namespace AccessPlane.Contracts;

/// <summary>Something that happened. Stored for ever under the name that <see cref="Events.EventNames"/> gives it; members may be added, never renamed.</summary>
public interface IEvent;

/// <summary>What every event carries beside its data: who, why, under which policy.</summary>
/// <param name="PolicyVersion">The policy version that led to it, where one did.</param>
/// <param name="Rules">Ids of the rules (entitlements, guardrails) that led to it.</param>
public sealed record EventContext(Actor Actor, Guid Correlation, Guid? Causation = null, long? PolicyVersion = null, IReadOnlyList<string>? Rules = null);

/// <summary>An event as the log keeps it. <paramref name="Position"/> is the global order, <paramref name="Version"/> the order within its stream, from 1.</summary>
public sealed record Stored(long Position, Guid Stream, long Version, Guid Id, DateTimeOffset At, EventContext Context, IEvent Event);

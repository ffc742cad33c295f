using System.Collections.Immutable;
using AccessPlane.Contracts;
using AccessPlane.Contracts.Events;
using AccessPlane.Contracts.Evidence;
using AccessPlane.ControlPlane.EventStore;

namespace AccessPlane.ControlPlane.Evidence;

/// <summary>The checkpoints as the log has them.</summary>
/// <param name="Version">Of their stream.</param>
/// <param name="Heads">Every session's, as of the last checkpoint.</param>
/// <param name="Marks">Of each checkpoint, by its number less one.</param>
public sealed record CheckpointChain(
    Checkpoint? Last, long Version, ImmutableSortedDictionary<Guid, SessionHead> Heads, ImmutableList<CheckpointMark> Marks)
{
    public const string StreamType = "checkpoints";

    /// <summary>The number of the first checkpoint that does not follow from the one that was read before it; null where all do.</summary>
    public long? Unlinked { get; init; }

    public static CheckpointChain Initial { get; } = new(null, 0, ImmutableSortedDictionary<Guid, SessionHead>.Empty, []);

    /// <summary>The position up to which the last checkpoint speaks.</summary>
    public long Tip => Last?.Tip ?? 0;

    public static CheckpointChain Fold(CheckpointChain chain, Stored stored)
    {
        ArgumentNullException.ThrowIfNull(chain);
        ArgumentNullException.ThrowIfNull(stored);
        return stored.Event is EvidenceCheckpointed taken
            ? new CheckpointChain(
                taken.Checkpoint, stored.Version, chain.Heads.SetItems(taken.Changed.Select(h => KeyValuePair.Create(h.Session, h))),
                chain.Marks.Add(new CheckpointMark(taken.Checkpoint.Tip, taken.Checkpoint.At)))
            {
                Unlinked = chain.Unlinked ?? (taken.Checkpoint.Previous == (chain.Last?.Hash() ?? Checkpoint.None) ? null : taken.Checkpoint.Number),
            }
            : throw new InvalidOperationException($"`{stored.Event.GetType().Name}` is no checkpoint");
    }

    /// <summary>The number of the checkpoint whose events hold a position; null where it is behind the last one's tip.</summary>
    public long? Covering(long position) => First(mark => mark.Tip >= position);

    /// <summary>The number of the first checkpoint at or after a time; null where there is none yet.</summary>
    public long? AtOrAfter(DateTimeOffset time) => First(mark => mark.At >= time);

    /// <summary>The tip of a checkpoint; 0 for the one before the first.</summary>
    public long TipOf(long number) => number == 0 ? 0 : Marks[(int)number - 1].Tip;

    /// <summary>A session's head after an event of the log.</summary>
    public static ImmutableSortedDictionary<Guid, SessionHead> After(ImmutableSortedDictionary<Guid, SessionHead> heads, IEvent e)
    {
        ArgumentNullException.ThrowIfNull(heads);
        return e switch
        {
            SessionOpened o => heads.SetItem(o.Session, new SessionHead(o.Session, o.Grant, o.Resource, o.Agent, o.Number, 0, 0, "", false)),
            TranscriptRecorded t => heads.SetItem(t.Session, heads[t.Session] with { Segments = t.Number, Entries = t.LastSeq, Head = t.Head, Final = t.Final }),
            _ => throw new InvalidOperationException($"`{e?.GetType().Name}` changes no session's head"),
        };
    }

    /// <summary>Marks are in the order of both their times and their tips.</summary>
    private long? First(Func<CheckpointMark, bool> reached)
    {
        var (from, to) = (0, Marks.Count);
        while (from < to)
        {
            var middle = (from + to) / 2;
            (from, to) = reached(Marks[middle]) ? (from, middle) : (middle + 1, to);
        }
        return from < Marks.Count ? from + 1 : null;
    }
}

public readonly record struct CheckpointMark(long Tip, DateTimeOffset At);

/// <summary>The chain, kept up with the log in this replica's memory.</summary>
public sealed class CheckpointChains(LogTail tail) : IDisposable
{
    private readonly LogFold<CheckpointChain> fold = new(
        tail, CheckpointChain.Initial, [EventNames.Of(typeof(EvidenceCheckpointed))], CheckpointChain.Fold);

    public ValueTask<CheckpointChain> Current(CancellationToken cancel) => fold.Current(cancel);

    public void Dispose() => fold.Dispose();
}

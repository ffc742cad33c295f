using AccessPlane.Contracts;
using AccessPlane.Contracts.Events;
using AccessPlane.Contracts.Evidence;
using AccessPlane.ControlPlane.EventStore;
using AccessPlane.ControlPlane.Evidence;
using AccessPlane.ControlPlane.Keys;

namespace AccessPlane.ControlPlane.History;

/// <summary>Checkpoints that the control plane signed and its log does not hold.</summary>
/// <param name="Epoch">Of their directory.</param>
/// <param name="Newest">The number of the newest.</param>
/// <param name="Tip">The position up to which that one speaks.</param>
/// <param name="Lost">Sessions of which they hold more than the log.</param>
public sealed record CheckpointsBeyond(long Epoch, long Newest, long Tip, IReadOnlyList<LostEvidence> Lost);

/// <summary>Compares the log with the directory of checkpoints, which a restored database does not take along.</summary>
public sealed partial class CheckpointWitness(
    EventLog log, Handle handle, EvidenceLog evidence, CheckpointFolder folder, SigningKeys keys, ILogger<CheckpointWitness> logger)
{
    /// <summary>Null where the log holds all that the directory does, or the directory cannot be read: agents are witnesses, too.</summary>
    public async Task<CheckpointsBeyond?> Beyond(CancellationToken cancel)
    {
        try
        {
            // from the log itself: what this process remembers of it may be of what is gone
            var (history, _) = await handle.Load(Ids.History, LogHistory.StreamType, LogHistory.Initial, LogHistory.Evolve, cancel);
            var last = await evidence.LastCheckpoint(cancel);
            return folder.LastEpoch(history.Epoch) is var epoch && (epoch > history.Epoch || await Differs(last, epoch, cancel)) ? await Compare(epoch, cancel) : null;
        }
        catch (Exception unreadable) when (unreadable is IOException or UnauthorizedAccessException)
        {
            LogUnreadable(unreadable.Message);
            return null;
        }
    }

    private async Task<bool> Differs(Checkpoint? last, long epoch, CancellationToken cancel)
    {
        var number = last?.Number ?? 0;
        // a file is written behind the log: where the next one is there, the log has it as well by now
        return (folder.Has(number + 1, epoch) && (await evidence.Checkpoints([number + 1], cancel)).Count == 0) ||
            (last is not null && folder.Read(number, epoch) is { } file && file.Checkpoint.Hash() != last.Hash() && IsOurs(file.Checkpoint));
    }

    private async Task<CheckpointsBeyond?> Compare(long epoch, CancellationToken cancel)
    {
        var beyond = new List<EvidenceCheckpointed>();
        for (var number = folder.Newest(epoch); number > 0; number--)
        {
            if (folder.Read(number, epoch) is not { } file)
            {
                continue; // torn, or away: the next one says what it said
            }
            if (await evidence.Checkpoints([number], cancel) is [var ours] && ours.Checkpoint.Hash() == file.Checkpoint.Hash())
            {
                break;
            }
            if (!IsOurs(file.Checkpoint))
            {
                LogForeign(number);
                return null;
            }
            beyond.Add(file);
        }
        return beyond.Count == 0 ? null : new CheckpointsBeyond(epoch, beyond[0].Checkpoint.Number, beyond[0].Checkpoint.Tip, await Lost(beyond, cancel));
    }

    private async Task<IReadOnlyList<LostEvidence>> Lost(List<EvidenceCheckpointed> beyond, CancellationToken cancel)
    {
        var lost = new List<LostEvidence>();
        // the newest first: it has the furthest of each session
        foreach (var head in beyond.SelectMany(c => c.Changed).DistinctBy(h => h.Session).OrderBy(h => h.Session))
        {
            var kept = (await log.ReadStreamWithoutEntries(head.Session, 0, cancel)).Select(s => s.Event).OfType<TranscriptRecorded>().LastOrDefault()?.LastSeq ?? 0;
            if (kept < head.Entries)
            {
                lost.Add(new LostEvidence(head.Session, head.Grant, head.Resource, head.Agent, head.Entries, kept));
            }
        }
        return lost;
    }

    /// <summary>Whoever can write to the directory must not be able to stop the agents.</summary>
    private bool IsOurs(Checkpoint checkpoint) => keys.IsOurs(checkpoint.SignedBytes(), checkpoint.Signature);

    [LoggerMessage(Level = LogLevel.Warning, Message = "the log could not be compared with the directory of checkpoints: {Why}")]
    private partial void LogUnreadable(string why);

    [LoggerMessage(Level = LogLevel.Error, Message = "the directory of checkpoints holds a number {Number} that this control plane did not sign: it is none of its own")]
    private partial void LogForeign(long number);
}

using AccessPlane.Contracts;
using AccessPlane.Contracts.Events;
using AccessPlane.ControlPlane.EventStore;
using AccessPlane.ControlPlane.History;

namespace AccessPlane.ControlPlane.Evidence;

/// <summary>
/// Writes each checkpoint to its directory. A directory that cannot be written is tried until it can, loudly, and then everything is written that it
/// missed; so is what is missing at a start, so that a new directory gets the whole chain.
/// </summary>
public sealed partial class WhenCheckpointTaken(EventLog log, CheckpointFolder folder, LogHistories histories, ILogger<WhenCheckpointTaken> logger) : Subscription
{
    private const int BatchSize = 500;
    private long epoch;

    public override string Name => "checkpoint-files";

    public override IReadOnlyCollection<string>? Types { get; } = [EventNames.Of(typeof(EvidenceCheckpointed))];

    public override async Task Begin(long checkpoint, CancellationToken cancel)
    {
        epoch = (await histories.Whole(cancel)).Epoch;
        for (var (position, more) = (0L, true); more && position < checkpoint;)
        {
            var page = await log.ReadSettled(position, Types, BatchSize, cancel);
            foreach (var taken in page.Events.Where(e => e.Position <= checkpoint).Select(e => e.Event).OfType<EvidenceCheckpointed>())
            {
                if (!folder.Has(taken.Checkpoint.Number, epoch))
                {
                    LogMissing(taken.Checkpoint.Number);
                    Keep(taken);
                }
            }
            (position, more) = (page.Position, page.More);
        }
    }

    public override async Task Handle(IReadOnlyList<Stored> events, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(events);
        // while a rollback is open its files are the last witnesses: the other history's begin in a directory of their own
        if ((await histories.Whole(cancel)).Epoch != epoch)
        {
            await Begin(events[0].Position - 1, cancel);
        }
        foreach (var taken in events.Select(e => e.Event).OfType<EvidenceCheckpointed>())
        {
            Keep(taken);
        }
    }

    private void Keep(EvidenceCheckpointed taken)
    {
        try
        {
            folder.Keep(taken, epoch);
        }
        catch (Exception failed) when (failed is IOException or UnauthorizedAccessException)
        {
            EvidenceMeter.NotWritten.Add(1);
            LogNotWritten(taken.Checkpoint.Number, failed.Message);
            throw;
        }
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "checkpoint {Number} was missing in its directory and is written again")]
    private partial void LogMissing(long number);

    [LoggerMessage(Level = LogLevel.Critical, Message = "checkpoint {Number} cannot be written outside of the database: {Why}")]
    private partial void LogNotWritten(long number, string why);
}

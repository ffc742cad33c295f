using AccessPlane.Contracts;
using AccessPlane.Contracts.Events;
using AccessPlane.Contracts.Identity;
using AccessPlane.ControlPlane.EventStore;
using AccessPlane.ControlPlane.Sessions;

namespace AccessPlane.ControlPlane.History;

/// <summary>Somebody knows more than the log.</summary>
/// <param name="Source">As in <see cref="LogRollbackFound"/>.</param>
/// <param name="Epoch">Null where it is the log's own.</param>
public sealed record Sighting(string Source, string By, long? Epoch, long Position);

/// <param name="Checkpoints">What their directory holds beyond the log; null for nothing, or where it cannot be read.</param>
public sealed record Notice(Sighting Sighting, Guid Rollback, long LogEnd, CheckpointsBeyond? Checkpoints, DateTimeOffset Now);

/// <summary>Writes down that the log was set back, once, and what evidence went with it.</summary>
public sealed partial class NoticeRollback(
    Handle handle, EventLog log, LogHistories histories, CheckpointWitness checkpoints, TimeProvider clock, ILogger<NoticeRollback> logger)
{
    public const string EvidenceLost = "evidence-lost";

    public static Outcome Decide(LogHistory history, Notice notice)
    {
        ArgumentNullException.ThrowIfNull(history);
        ArgumentNullException.ThrowIfNull(notice);
        var (seen, beyond) = (notice.Sighting, notice.Checkpoints);
        var epoch = seen.Epoch ?? history.Epoch;
        return history.Open is not null || epoch < history.Epoch
            ? Outcome.Nothing
            : Outcome.Of(new LogRollbackFound(
                notice.Rollback, notice.Now, seen.Source, seen.By, history.Epoch, notice.LogEnd, Math.Max(epoch, beyond?.Epoch ?? 0), seen.Position,
                beyond?.Newest ?? 0, beyond?.Tip ?? 0, beyond?.Lost ?? []));
    }

    /// <returns>The open one: this, or one that was there already; null where it is not open any more.</returns>
    public async Task<Rollback?> Handle(Sighting sighting, CancellationToken cancel)
    {
        if ((await handle.Load(Ids.History, LogHistory.StreamType, LogHistory.Initial, LogHistory.Evolve, cancel)).State.Open is { } open)
        {
            return open;
        }
        var now = clock.GetUtcNow();
        var notice = new Notice(
            sighting, Guid.CreateVersion7(now), await log.Drawn(cancel), await checkpoints.Beyond(cancel), now.AddTicks(-(now.Ticks % TimeSpan.TicksPerMicrosecond)));
        var handled = await handle.Run(
            new Handling<LogHistory>(
                Ids.History, LogHistory.StreamType, LogHistory.Initial, LogHistory.Evolve, history => Decide(history, notice),
                new EventContext(Actor.System("history"), notice.Rollback)),
            cancel);
        if (handled.State.Open is not { } found)
        {
            return null;
        }
        LogFound(found.Why);
        foreach (var lost in found.Found.Lost)
        {
            await handle.Run(Missing(lost, found), cancel);
        }
        await histories.Current(cancel);
        return found;
    }

    /// <summary>The agent got its receipt and deleted them: nobody can send them again.</summary>
    private static Handling<Session> Missing(LostEvidence lost, Rollback found) => new(
        lost.Session, Session.StreamType, Session.Initial, Session.Evolve,
        _ => Outcome.Of(new EvidenceGapFound(
            lost.Agent, EvidenceLost,
            $"session {lost.Session}: entries {lost.Kept + 1} to {lost.Entries} were recorded, as checkpoint {found.Found.Checkpoint} or one before it proves, and went with " +
            "the log that was set back; the agent has deleted them on our word and cannot send them again")),
        new EventContext(Actor.System("history"), found.Id), Ids.Derive(lost.Session, $"lost/{found.Id}"));

    [LoggerMessage(Level = LogLevel.Critical, Message = "agents are told nothing: {Why}")]
    private partial void LogFound(string why);
}

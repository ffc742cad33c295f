using AccessPlane.ControlPlane.EventStore;

namespace AccessPlane.ControlPlane.History;

/// <summary>
/// Looks whether the log is the one it was: at the start with the directory of checkpoints, before any agent is told anything, and again every minute;
/// and every second with its own memory. A replica whose database was changed beneath it has folded what is gone: it writes that down and ends, to be
/// started anew.
/// </summary>
public sealed partial class RollbackWatch(
    EventLog log, NoticeRollback notice, CheckpointWitness checkpoints, IHostApplicationLifetime life, TimeProvider clock, ILogger<RollbackWatch> logger)
    : BackgroundService
{
    private static readonly TimeSpan Every = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan EveryDirectory = TimeSpan.FromMinutes(1);
    private (long Position, Guid Mark)? last;
    private long lookedAt;

    public override async Task StartAsync(CancellationToken cancellationToken)
    {
        await LookAtDirectory(cancellationToken);
        await base.StartAsync(cancellationToken);
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Every, clock);
        await timer.EachTime(LookAround, LogFailed, stoppingToken);
    }

    private async Task LookAround(CancellationToken cancel)
    {
        await Look(cancel);
        if (clock.GetElapsedTime(lookedAt) >= EveryDirectory)
        {
            await LookAtDirectory(cancel);
        }
    }

    /// <summary>Whether the last event that was there is there still.</summary>
    public async Task Look(CancellationToken cancel)
    {
        if (last is { } before && await log.MarkAt(before.Position, cancel) != before.Mark)
        {
            LogChanged(before.Position);
            await notice.Handle(new Sighting("control-plane", $"the control plane on {Environment.MachineName}", null, before.Position), cancel);
            life.StopApplication();
            return;
        }
        var settled = await log.Head(cancel);
        if (settled > (last?.Position ?? 0) && await log.MarkAt(settled, cancel) is { } mark)
        {
            last = (settled, mark);
        }
    }

    private async Task LookAtDirectory(CancellationToken cancel)
    {
        lookedAt = clock.GetTimestamp();
        if (await checkpoints.Beyond(cancel) is { } beyond)
        {
            await notice.Handle(new Sighting("checkpoints", "the directory of checkpoints", beyond.Epoch, beyond.Tip), cancel);
        }
    }

    [LoggerMessage(Level = LogLevel.Critical, Message = "the event at position {Position} is gone: the database was changed beneath this process, which ends")]
    private partial void LogChanged(long position);

    [LoggerMessage(Level = LogLevel.Warning, Message = "looking at the log's history failed and will be tried again: {Why}")]
    private partial void LogFailed(string why);
}

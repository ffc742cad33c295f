using AccessPlane.Projections;

namespace AccessPlane.ControlPlane.EventStore;

/// <summary>Keeps the read models up with the log.</summary>
public sealed partial class ProjectionRunner(Projector projector, LogPulse pulse, TimeProvider clock, ILogger<ProjectionRunner> logger) : BackgroundService
{
    private static readonly TimeSpan Poll = TimeSpan.FromSeconds(1);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (!stoppingToken.IsCancellationRequested)
        {
            var changed = pulse.Next;
            try
            {
                while (await projector.CatchUp(stoppingToken))
                {
                    // a full batch: the next one at once
                }
            }
            catch (Exception failure) when (!stoppingToken.IsCancellationRequested)
            {
                LogFailure(failure);
            }
            await Task.WhenAny(changed, Task.Delay(Poll, clock, stoppingToken));
        }
    }

    [LoggerMessage(LogLevel.Error, "the read models could not be brought up to date, trying again")]
    private partial void LogFailure(Exception failure);
}

using AccessPlane.Projections;

namespace AccessPlane.ControlPlane.EventStore;

/// <summary>Keeps the read models up with the log, and folds those anew, beside, that another version left in another shape.</summary>
public sealed partial class ProjectionRunner(Projector projector, LogPulse pulse, TimeProvider clock, ILogger<ProjectionRunner> logger) : BackgroundService
{
    private static readonly TimeSpan Poll = TimeSpan.FromSeconds(1);

    protected override Task ExecuteAsync(CancellationToken stoppingToken) => Task.WhenAll(Follow(stoppingToken), Reshape(stoppingToken));

    private async Task Follow(CancellationToken stopping)
    {
        while (!stopping.IsCancellationRequested)
        {
            var changed = pulse.Next;
            try
            {
                while (await projector.CatchUp(stopping))
                {
                    // a full batch: the next one at once
                }
            }
            catch (Exception failure) when (!stopping.IsCancellationRequested)
            {
                LogFailure(failure);
            }
            await Task.WhenAny(changed, Task.Delay(Poll, clock, stopping));
        }
    }

    private async Task Reshape(CancellationToken stopping)
    {
        for (; ; )
        {
            try
            {
                await projector.Reshape(stopping);
                return;
            }
            catch (Exception failure) when (!stopping.IsCancellationRequested)
            {
                LogNotReshaped(failure);
            }
            await Task.Delay(Poll, clock, stopping);
        }
    }

    [LoggerMessage(LogLevel.Error, "the read models could not be brought up to date, trying again")]
    private partial void LogFailure(Exception failure);

    [LoggerMessage(LogLevel.Error, "the read models that another version made could not be folded anew, trying again")]
    private partial void LogNotReshaped(Exception failure);
}

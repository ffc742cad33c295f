using AccessPlane.ControlPlane.Http;

namespace AccessPlane.ControlPlane.Broker;

/// <summary>What agents and approvers send must have a place from the beginning, whoever starts first.</summary>
internal sealed class DeclareTopology(BrokerAdmin broker, TimeProvider clock) : BackgroundService
{
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(1);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        for (; ; )
        {
            try
            {
                await broker.DeclareReports(stoppingToken);
                await broker.DeclareApprovers(stoppingToken);
                await broker.BoundQueues(stoppingToken);
                return;
            }
            // the broker may start after us, and its management after it; readiness tells of the broker, and what was answered is logged
            catch (UnavailableException)
            {
                await Task.Delay(Pause, clock, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                stoppingToken.ThrowIfCancellationRequested();
            }
        }
    }
}

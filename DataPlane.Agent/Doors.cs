using AccessPlane.Agent.Protocols.PostgreSql;
using AccessPlane.Agent.Recording;

namespace AccessPlane.Agent;

/// <summary>The listeners. They open last and close first: nobody is let in before everything behind the door stands, and what sessions recorded at
/// their end has a moment to leave before the broker's connection does.</summary>
internal sealed partial class Doors(
    AgentConfig config, Gate.Gate gate, RecorderFactory recorders, Spool spool, Health health, ILoggerFactory logs) : IHostedService
{
    private static readonly TimeSpan LastWords = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan Look = TimeSpan.FromMilliseconds(50);
    private readonly List<PgListener> open = [];

    public async Task StartAsync(CancellationToken cancellationToken)
    {
        foreach (var listener in config.Listeners)
        {
            var door = listener.Protocol switch
            {
                "postgresql" => new PgListener(listener, gate, recorders, logs, BootClock.Instance),
                _ => throw new InvalidOperationException($"`{listener.Protocol}` was not checked"),
            };
            await door.StartAsync(cancellationToken);
            open.Add(door);
            health.Watch(() => door.Alert);
        }
        health.Listening = true;
    }

    public async Task StopAsync(CancellationToken cancellationToken)
    {
        health.Listening = false;
        foreach (var door in open)
        {
            await door.DisposeAsync();
        }
        var began = BootClock.Instance.GetTimestamp();
        while (!spool.IsEmpty && BootClock.Instance.GetElapsedTime(began) < LastWords && !cancellationToken.IsCancellationRequested)
        {
            await Task.Delay(Look, CancellationToken.None);
        }
    }
}

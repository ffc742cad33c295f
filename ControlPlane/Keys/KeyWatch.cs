using AccessPlane.Contracts.Events;
using AccessPlane.ControlPlane.EventStore;

namespace AccessPlane.ControlPlane.Keys;

/// <summary>Keeps this replica at the keys that the log names; before anything is signed, and as soon as it changes.</summary>
public sealed partial class KeyWatch(LogTail tail, LogPulse pulse, SigningKeys keys, TimeProvider clock, ILogger<KeyWatch> logger) : BackgroundService
{
    private static readonly TimeSpan Every = TimeSpan.FromSeconds(1);
    private readonly Lock oneAtATime = new();

    private readonly LogFold<ControlPlaneKeys> fold = new(
        tail, ControlPlaneKeys.Initial, [EventNames.Of(typeof(ControlPlaneKeyAnnounced)), EventNames.Of(typeof(ControlPlaneKeyRetired))],
        (state, stored) => ControlPlaneKeys.Evolve(state, stored.Event));

    /// <summary>As this replica knew it last.</summary>
    public ControlPlaneKeys Known { get; private set; } = ControlPlaneKeys.Initial;

    public async Task<ControlPlaneKeys> Look(CancellationToken cancel)
    {
        var state = await fold.Current(cancel);
        lock (oneAtATime)
        {
            // who looked earlier may come here later
            if (state.Count >= Known.Count)
            {
                keys.Use(state);
                Known = state;
            }
            return Known;
        }
    }

    public override async Task StartAsync(CancellationToken cancellationToken)
    {
        await Look(cancellationToken);
        await base.StartAsync(cancellationToken);
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (!stoppingToken.IsCancellationRequested)
        {
            var changed = pulse.Next;
            try
            {
                await Look(stoppingToken);
            }
            catch (Exception failed) when (!stoppingToken.IsCancellationRequested)
            {
                LogFailed(failed.Message);
                changed = Task.Delay(Timeout.InfiniteTimeSpan, stoppingToken);
            }
            await Task.WhenAny(changed, Task.Delay(Every, clock, stoppingToken));
        }
    }

    public override void Dispose()
    {
        fold.Dispose();
        base.Dispose();
    }

    [LoggerMessage(Level = LogLevel.Error, Message = "the keys that the log names could not be taken up: {Why}")]
    private partial void LogFailed(string why);
}

using AccessPlane.ControlPlane.EventStore;

namespace AccessPlane.ControlPlane.Agents;

/// <summary>Which history of the log this is, as every directive says. An operator raises it in the log's database after restoring an old backup on
/// purpose; it is read again every few seconds.</summary>
public sealed class LogEpoch(EventLog log, TimeProvider clock)
{
    private static readonly TimeSpan ReadAgain = TimeSpan.FromSeconds(5);
    private volatile Known? known;

    public async ValueTask<long> Current(CancellationToken cancel)
    {
        if (known is { } recent && clock.GetElapsedTime(recent.At) < ReadAgain)
        {
            return recent.Epoch;
        }
        var at = clock.GetTimestamp();
        known = new Known(await log.Epoch(cancel), at);
        return known.Epoch;
    }

    private sealed record Known(long Epoch, long At);
}

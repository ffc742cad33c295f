using AccessPlane.ControlPlane.Http;
using AccessPlane.Projections;

namespace AccessPlane.ControlPlane.EventStore;

/// <summary>Lets a reader through once the read models show everything that was appended before it came: whoever wrote reads what they wrote.</summary>
public sealed class ReadBarrier(EventLog log, Projector projector, TimeProvider clock)
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);

    /// <exception cref="UnavailableException">The read models are too far behind.</exception>
    public async Task CaughtUp(CancellationToken cancel)
    {
        var drawn = await log.Drawn(cancel);
        if (!await projector.Reached(drawn, Patience, clock, cancel))
        {
            throw new UnavailableException("not-caught-up", "the read models have not caught up with the log: try again shortly");
        }
    }
}

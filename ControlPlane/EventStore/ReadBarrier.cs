using AccessPlane.ControlPlane.Http;
using AccessPlane.Projections;

namespace AccessPlane.ControlPlane.EventStore;

/// <summary>Lets a reader through once what it reads shows everything that was appended before it came: whoever wrote reads what they wrote.</summary>
public sealed class ReadBarrier(EventLog log, Projector projector, TimeProvider clock)
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan Poll = TimeSpan.FromMilliseconds(5);

    /// <param name="needed">The read models that are read.</param>
    /// <exception cref="UnavailableException">One of them is too far behind, or is being folded anew and cannot be read before that is done.</exception>
    public async Task CaughtUp(IReadOnlyCollection<Projection> needed, CancellationToken cancel)
    {
        var drawn = await log.Drawn(cancel);
        if (await projector.Behind(needed, drawn, Patience, clock, cancel) is not { } behind)
        {
            return;
        }
        throw behind.Readable
            ? new UnavailableException("not-caught-up", "the read models have not caught up with the log: try again shortly")
            : new UnavailableException(
                "being-rebuilt",
                $"the read model `{behind.Name}` is being folded from the log for this version, {behind.Rebuilt.GetValueOrDefault() * 100 / drawn} % of it are done: try again later");
    }

    /// <summary>For who reads the log itself.</summary>
    /// <exception cref="UnavailableException">An append from before has not ended.</exception>
    public async Task Settled(CancellationToken cancel)
    {
        var (drawn, since) = (await log.Drawn(cancel), clock.GetTimestamp());
        while (await log.Head(cancel) < drawn)
        {
            if (clock.GetElapsedTime(since) > Patience)
            {
                throw new UnavailableException("not-caught-up", "the log is not settled: try again shortly");
            }
            await Task.Delay(Poll, clock, cancel);
        }
    }
}

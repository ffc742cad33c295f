using AccessPlane.Contracts;
using AccessPlane.ControlPlane.EventStore;

namespace AccessPlane.ControlPlane.AccessRequests;

/// <summary>
/// Requests of which one comes after the other: the next one's id follows from the series and its number, so that whoever files the same one at the
/// same time, at whichever replica, files it once.
/// </summary>
public sealed class RequestSeries(Handle handle)
{
    /// <param name="number">From 1.</param>
    public static Guid IdOf(Guid series, int number) => Ids.Derive(series, $"request/{number}");

    /// <summary>The last one that was filed; number 0 where none was.</summary>
    public async Task<(int Number, AccessRequest State)> Last(Guid series, CancellationToken cancel)
    {
        // there are no holes: the last is found in steps that double, and then by halves
        var (last, state, beyond) = (0, AccessRequest.Initial, 1);
        while (await Find(series, beyond, cancel) is AccessRequest.Known known)
        {
            (last, state, beyond) = (beyond, known, beyond * 2);
        }
        while (beyond - last > 1)
        {
            var middle = last + ((beyond - last) / 2);
            if (await Find(series, middle, cancel) is AccessRequest.Known known)
            {
                (last, state) = (middle, known);
            }
            else
            {
                beyond = middle;
            }
        }
        return (last, state);
    }

    private async Task<AccessRequest> Find(Guid series, int number, CancellationToken cancel) =>
        (await handle.Load(IdOf(series, number), AccessRequest.StreamType, AccessRequest.Initial, AccessRequest.Evolve, cancel)).State;
}

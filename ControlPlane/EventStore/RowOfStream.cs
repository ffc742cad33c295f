using AccessPlane.Contracts;
using AccessPlane.Projections;

namespace AccessPlane.ControlPlane.EventStore;

public static class RowOfStream
{
    /// <summary>The row of a read model that is keyed by stream, from the stream's own events: as fresh as the stream.</summary>
    public static TRow? RowOf<TRow>(this Projection<TRow> projection, IEnumerable<Stored> stream)
        where TRow : class
    {
        ArgumentNullException.ThrowIfNull(projection);
        return (TRow?)stream.Where(projection.Folds).SelectMany(projection.Changes).Aggregate((object?)null, (before, change) => change.Apply(before));
    }
}

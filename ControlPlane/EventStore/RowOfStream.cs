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
        var row = stream.Where(s => projection.Types.Contains(Contracts.Events.EventNames.Of(s.Event)))
            .SelectMany(projection.Changes)
            .Aggregate((string?)null, (before, change) => change.Apply(before));
        return row is null ? null : Projection<TRow>.Read(row);
    }
}

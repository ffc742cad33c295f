using AccessPlane.Contracts;
using AccessPlane.Contracts.Events;

namespace AccessPlane.Projections;

/// <param name="Row">JSON; null where the row is gone.</param>
/// <param name="Position">Of the last event that changed it.</param>
public sealed record FoldedRow(string? Row, long Position);

/// <summary>
/// The rows of one read model that a batch of events touches. A row knows the last event that changed it: an event that comes again, or comes
/// after a later one, changes nothing.
/// </summary>
public sealed class Folding(Projection projection, Dictionary<string, FoldedRow> rows)
{
    private readonly HashSet<string> types = [.. projection.Types];
    private readonly HashSet<string> changed = new(StringComparer.Ordinal);

    /// <summary>The rows that changed.</summary>
    public IEnumerable<KeyValuePair<string, FoldedRow>> Changed => changed.Select(key => KeyValuePair.Create(key, rows[key]));

    public void Apply(Stored stored)
    {
        ArgumentNullException.ThrowIfNull(stored);
        if (!types.Contains(EventNames.Of(stored.Event)))
        {
            return;
        }
        HashSet<string>? now = null; // an event may change a row more than once
        foreach (var change in projection.Changes(stored))
        {
            var before = rows.GetValueOrDefault(change.Key);
            if (before is not null && before.Position >= stored.Position && now?.Contains(change.Key) != true)
            {
                continue;
            }
            rows[change.Key] = new FoldedRow(change.Apply(before?.Row), stored.Position);
            (now ??= new(StringComparer.Ordinal)).Add(change.Key);
            changed.Add(change.Key);
        }
    }
}

using AccessPlane.Contracts;

namespace AccessPlane.Projections;

/// <param name="Row">JSON; null where the row is gone.</param>
/// <param name="Position">Of the last event that changed it.</param>
public sealed record FoldedRow(string? Row, long Position);

/// <summary>
/// The rows of one read model that a batch of events touches. A row knows the last event that changed it: an event that comes again, or comes
/// after a later one, changes nothing.
/// </summary>
/// <param name="before">The rows as they are.</param>
public sealed class Folding(Projection projection, IReadOnlyDictionary<string, FoldedRow> before)
{
    private readonly Dictionary<string, (object? Row, long Position)> changed = new(StringComparer.Ordinal);

    /// <summary>The rows that changed.</summary>
    public IEnumerable<KeyValuePair<string, FoldedRow>> Changed =>
        changed.Select(c => KeyValuePair.Create(c.Key, new FoldedRow(c.Value.Row is { } row ? projection.WriteRow(row) : null, c.Value.Position)));

    public void Apply(Stored stored)
    {
        ArgumentNullException.ThrowIfNull(stored);
        if (projection.Folds(stored))
        {
            Apply(stored.Position, projection.Changes(stored));
        }
    }

    /// <param name="position">Of the event.</param>
    /// <param name="changes">What it changes.</param>
    internal void Apply(long position, IEnumerable<Change> changes)
    {
        HashSet<string>? now = null; // an event may change a row more than once
        foreach (var change in changes)
        {
            var (row, last) = Find(change.Key);
            if (last >= position && now?.Contains(change.Key) != true)
            {
                continue;
            }
            changed[change.Key] = (change.Apply(row), position);
            (now ??= new(StringComparer.Ordinal)).Add(change.Key);
        }
    }

    private (object? Row, long Position) Find(string key) =>
        changed.TryGetValue(key, out var known) ? known
        : !before.TryGetValue(key, out var stored) ? (null, 0)
        : (stored.Row is { } json ? projection.ReadRow(json) : null, stored.Position);
}

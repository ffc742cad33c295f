namespace AccessPlane.ControlPlane.Console;

/// <summary>
/// What waits for somebody, as they look at it. Nothing moves and nothing vanishes under their hands: what comes is added behind, and what another has decided
/// stays where it is, with what became of it, until the page is left.
/// </summary>
public sealed class Waiting<T>(Func<T, Guid> id) where T : class
{
    private readonly List<Item> items = [];

    /// <param name="Shown">As it waits, or as it was decided.</param>
    public sealed record Item(Guid Id, T Shown, bool IsOver);

    public IReadOnlyList<Item> Items => items;

    public int Open => items.Count(i => !i.IsOver);

    /// <summary>Takes in what waits now; gives what does not any more, whose end is to be read and told by <see cref="Ended"/>.</summary>
    public IReadOnlyList<Guid> Take(IReadOnlyList<T> waiting)
    {
        ArgumentNullException.ThrowIfNull(waiting);
        var now = waiting.ToDictionary(id);
        for (var i = 0; i < items.Count; i++)
        {
            if (now.Remove(items[i].Id, out var same))
            {
                items[i] = new Item(items[i].Id, same, false);
            }
        }
        var known = items.Select(i => i.Id).ToHashSet();
        items.AddRange(waiting.Where(w => !known.Contains(id(w))).Select(w => new Item(id(w), w, false)));
        var still = waiting.Select(id).ToHashSet();
        return [.. items.Where(i => !i.IsOver && !still.Contains(i.Id)).Select(i => i.Id)];
    }

    /// <summary>What became of one; null where that may not be seen any more.</summary>
    public void Ended(Guid which, T? end)
    {
        var at = items.FindIndex(i => i.Id == which);
        if (at >= 0)
        {
            items[at] = new Item(which, end ?? items[at].Shown, true);
        }
    }
}

using AccessPlane.Contracts.Messages;

namespace AccessPlane.Agent.Gate;

/// <summary>Tells what databases hold by name: at once where it was not told for a while, and what comes sooner all together then. Written once for all
/// protocols.</summary>
/// <param name="tell">Hands a report over some time.</param>
public sealed class CatalogDesk(Action<CatalogNames> tell, TimeProvider time) : IDisposable
{
    /// <summary>A migration changes a catalog many times.</summary>
    private static readonly TimeSpan Rest = TimeSpan.FromSeconds(30);

    private readonly Lock guard = new();
    private readonly Dictionary<(string Resource, string Database), Told> all = [];

    public void Seen(CatalogNames names)
    {
        ArgumentNullException.ThrowIfNull(names);
        lock (guard)
        {
            var key = (names.Resource, names.Database);
            if (!all.TryGetValue(key, out var told))
            {
                all[key] = told = new Told();
                told.Timer = time.CreateTimer(_ => Rested(told), null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
            }
            told.Next = names;
            if (!told.Rests)
            {
                Tell(told);
            }
        }
    }

    private void Rested(Told told)
    {
        lock (guard)
        {
            told.Rests = false;
            Tell(told);
        }
    }

    private void Tell(Told told)
    {
        if (told.Next is { } next && next.Hash != told.Hash)
        {
            (told.Hash, told.Rests) = (next.Hash, true);
            told.Timer!.Change(Rest, Timeout.InfiniteTimeSpan);
            tell(next);
        }
        told.Next = null;
    }

    public void Dispose()
    {
        lock (guard)
        {
            foreach (var told in all.Values)
            {
                told.Timer?.Dispose();
            }
        }
    }

    private sealed class Told
    {
        public ITimer? Timer { get; set; }
        public CatalogNames? Next { get; set; }
        public string? Hash { get; set; }
        public bool Rests { get; set; }
    }
}

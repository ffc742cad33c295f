namespace AccessPlane.Agent.Gate;

/// <summary>How often something may happen under one key: so often at once, and from then on as it is forgiven, one after the other.</summary>
/// <param name="each">After which one is forgiven.</param>
/// <param name="atOnce">How many may stand unforgiven.</param>
internal sealed class Pace<TKey>(TimeProvider time, TimeSpan each, int atOnce)
    where TKey : notnull
{
    private const int Few = 1024;
    private readonly Lock guard = new();
    private readonly Dictionary<TKey, long> forgiven = []; // timestamp at which nothing is left
    private readonly long step = Math.Max(1, (long)(each.TotalSeconds * time.TimestampFrequency));
    private int sweepAt = Few;

    public bool IsOver(TKey key)
    {
        lock (guard)
        {
            return Left(key) > step * (atOnce - 1);
        }
    }

    public void Count(TKey key)
    {
        lock (guard)
        {
            forgiven[key] = time.GetTimestamp() + Left(key) + step;
            Sweep();
        }
    }

    /// <summary>Counts one more.</summary>
    /// <returns>False where it is too many; then it is not counted.</returns>
    public bool Take(TKey key)
    {
        lock (guard)
        {
            if (IsOver(key))
            {
                return false;
            }
            Count(key);
            return true;
        }
    }

    private long Left(TKey key) => forgiven.TryGetValue(key, out var at) ? Math.Max(0, at - time.GetTimestamp()) : 0;

    /// <summary>Keys that nothing is held against are forgotten, as often as their number doubles.</summary>
    private void Sweep()
    {
        if (forgiven.Count < sweepAt)
        {
            return;
        }
        var now = time.GetTimestamp();
        foreach (var (key, at) in forgiven)
        {
            if (at <= now)
            {
                forgiven.Remove(key);
            }
        }
        sweepAt = Math.Max(Few, 2 * forgiven.Count);
    }
}

namespace AccessPlane.Contracts.Identity;

/// <summary>
/// An issuer's published keys: fetched when needed, refreshed in the background, kept while the issuer is down, never beyond a day. A key id
/// that is not known asks the issuer at most once in 30 seconds, so that made-up key ids cannot be turned against it.
/// </summary>
/// <param name="fetch">Asks the issuer; throws when it does not answer, within a time limit of its own: a caller who leaves must not make the next
/// one ask again.</param>
public sealed class KeyRing<TKeys>(Func<Task<TKeys>> fetch) : IDisposable
    where TKeys : class
{
    public static readonly TimeSpan FetchAtMostEvery = TimeSpan.FromSeconds(30);
    public static readonly TimeSpan RefreshAfter = TimeSpan.FromHours(1);
    public static readonly TimeSpan DropAfter = TimeSpan.FromHours(24);

    private readonly SemaphoreSlim one = new(1, 1);
    private volatile Fetched? keys;
    private DateTimeOffset? lastAttempt;

    private sealed record Fetched(TKeys Keys, DateTimeOffset At);

    /// <summary>Why the last fetch failed; null when it did not.</summary>
    public Exception? LastFailure { get; private set; }

    /// <summary>Keys that hold the one looked for; null where the issuer has no such key, or cannot be asked and what is kept is too old.</summary>
    /// <param name="holds">Whether the key is among them.</param>
    public async ValueTask<TKeys?> Find(Func<TKeys, bool> holds, DateTimeOffset now, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(holds);
        if (Usable(now) is { } kept && holds(kept))
        {
            return kept;
        }
        await one.WaitAsync(cancel);
        try
        {
            // someone else may have fetched while this call waited
            if (Usable(now) is { } meanwhile && holds(meanwhile))
            {
                return meanwhile;
            }
            return MayAsk(now) && await Fetch(now) && Usable(now) is { } fresh && holds(fresh) ? fresh : null;
        }
        finally
        {
            one.Release();
        }
    }

    /// <summary>To be called now and then: fetches what is older than <see cref="RefreshAfter"/>, so that a removed key is forgotten without
    /// anyone's token asking for it. While somebody else asks the issuer nobody waits here who has keys that may be used: made-up key ids and an
    /// issuer that takes its time must not hold up those who are known.</summary>
    public async Task Refresh(DateTimeOffset now, CancellationToken cancel)
    {
        if (IsFresh(now) || !await one.WaitAsync(Usable(now) is null ? Timeout.InfiniteTimeSpan : TimeSpan.Zero, cancel))
        {
            return;
        }
        try
        {
            if (!IsFresh(now) && MayAsk(now))
            {
                await Fetch(now);
            }
        }
        finally
        {
            one.Release();
        }
    }

    /// <summary>Whether there are keys at all that may be used.</summary>
    public bool Ready(DateTimeOffset now) => Usable(now) is not null;

    public void Dispose() => one.Dispose();

    private bool IsFresh(DateTimeOffset now) => now - keys?.At < RefreshAfter;

    private TKeys? Usable(DateTimeOffset now) => keys is { } kept && now - kept.At < DropAfter ? kept.Keys : null;

    // a clock that was set back must not keep the issuer from being asked
    private bool MayAsk(DateTimeOffset now) => lastAttempt is not { } last || now - last >= FetchAtMostEvery || now < last;

    private async Task<bool> Fetch(DateTimeOffset now)
    {
        lastAttempt = now;
        try
        {
            keys = new Fetched(await fetch(), now);
            LastFailure = null;
            return true;
        }
        // every failure of the issuer is the same to a caller, and is kept for whoever reports it
        catch (Exception failure)
        {
            LastFailure = failure;
            return false;
        }
    }
}

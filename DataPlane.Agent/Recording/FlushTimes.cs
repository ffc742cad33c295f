namespace AccessPlane.Agent.Recording;

/// <summary>How long the disk takes to make records durable. Flushes come one after the other.</summary>
internal sealed class FlushTimes(TimeProvider clock)
{
    private static readonly TimeSpan Half = TimeSpan.FromSeconds(30);

    private readonly Lock guard = new();
    private long? began;
    private long halfBegan = clock.GetTimestamp();
    private TimeSpan thisHalf;
    private TimeSpan halfBefore;

    /// <summary>What the slowest flush of the last half minute, or of up to a minute, took, or what one takes that is not over yet.</summary>
    public TimeSpan Slowest
    {
        get
        {
            lock (guard)
            {
                Turn();
                var now = began is { } since ? clock.GetElapsedTime(since) : TimeSpan.Zero;
                return Longest(now, Longest(thisHalf, halfBefore));
            }
        }
    }

    public void Take(Action flush)
    {
        var since = clock.GetTimestamp();
        lock (guard)
        {
            began = since;
        }
        try
        {
            flush();
        }
        finally
        {
            var took = clock.GetElapsedTime(since);
            lock (guard)
            {
                began = null;
                Turn();
                thisHalf = Longest(thisHalf, took);
            }
        }
    }

    private void Turn()
    {
        var passed = clock.GetElapsedTime(halfBegan);
        if (passed >= Half)
        {
            (halfBefore, thisHalf) = (passed < 2 * Half ? thisHalf : TimeSpan.Zero, TimeSpan.Zero);
            halfBegan = clock.GetTimestamp();
        }
    }

    private static TimeSpan Longest(TimeSpan one, TimeSpan other) => one > other ? one : other;
}

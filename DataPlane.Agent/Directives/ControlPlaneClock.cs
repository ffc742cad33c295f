namespace AccessPlane.Agent.Directives;

/// <summary>
/// What time it is at the control plane, told by round trips and counted on by the monotonic clock: setting this host's clock moves nothing.
/// Every round trip bounds it on both sides: the answer's stamp was made after the asking and before the arrival.
/// </summary>
public sealed class ControlPlaneClock(TimeProvider clock)
{
    /// <summary>A slow round trip bounds worse than a quick one; a few are kept so that one slow answer does not end grants early.</summary>
    private const int Kept = 8;

    private readonly Queue<Bounds> samples = new(Kept);
    private volatile Bounds? bounds;

    public bool Known => bounds is not null;

    /// <summary>The latest that it may be: rights end by this one. Unknown: everything has ended.</summary>
    public DateTimeOffset Latest => bounds is { } known ? At(known.Latest) : DateTimeOffset.MaxValue;

    /// <summary>The earliest that it may be: locks end by this one. Unknown: nothing has ended.</summary>
    public DateTimeOffset Earliest => bounds is { } known ? At(known.Earliest) : DateTimeOffset.MinValue;

    /// <param name="askedAt">Timestamp before the asking left.</param>
    /// <param name="answeredAt">Timestamp of the answer's arrival.</param>
    /// <param name="stamp">The control plane's clock in between.</param>
    public void Sample(long askedAt, long answeredAt, DateTimeOffset stamp)
    {
        lock (samples)
        {
            if (samples.Count == Kept)
            {
                samples.Dequeue();
            }
            samples.Enqueue(new Bounds(stamp.UtcTicks - Ticks(askedAt), stamp.UtcTicks - Ticks(answeredAt)));
            bounds = new Bounds(samples.Min(s => s.Latest), samples.Max(s => s.Earliest));
        }
    }

    private long Ticks(long timestamp) => (long)(timestamp * (TimeSpan.TicksPerSecond / (double)clock.TimestampFrequency));

    private DateTimeOffset At(long offset) => new(Ticks(clock.GetTimestamp()) + offset, TimeSpan.Zero);

    /// <summary>Control-plane time minus monotonic time, in ticks of 100 ns.</summary>
    private sealed record Bounds(long Latest, long Earliest);
}

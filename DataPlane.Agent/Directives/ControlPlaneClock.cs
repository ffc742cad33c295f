namespace AccessPlane.Agent.Directives;

/// <summary>
/// What time it is at the control plane, told by round trips and counted on by the monotonic clock: setting this host's clock moves nothing.
/// Every round trip bounds it on both sides: the answer's stamp was made after the asking and before the arrival. Whatever this agent dates, it dates
/// by it: the control plane compares that with its own times.
/// </summary>
public sealed class ControlPlaneClock(TimeProvider clock) : TimeProvider
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

    /// <summary>How far this host's clock is ahead of it; behind where it is negative, nothing where nothing is known.</summary>
    public TimeSpan HostIsAhead => bounds is { } known ? clock.GetUtcNow() - At(known.Likely) : TimeSpan.Zero;

    public override long TimestampFrequency => clock.TimestampFrequency;
    public override TimeZoneInfo LocalTimeZone => clock.LocalTimeZone;

    /// <summary>The likeliest. Before the first answer, when nobody is admitted yet, the host's own.</summary>
    public override DateTimeOffset GetUtcNow() => bounds is { } known ? At(known.Likely) : clock.GetUtcNow();

    public override long GetTimestamp() => clock.GetTimestamp();

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period) =>
        clock.CreateTimer(callback, state, dueTime, period);

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
            var newest = new Bounds(stamp.UtcTicks - Ticks(askedAt), stamp.UtcTicks - Ticks(answeredAt));
            samples.Enqueue(newest);
            var narrowed = new Bounds(samples.Min(s => s.Latest), samples.Max(s => s.Earliest));
            // two that exclude each other: the control plane's clock was set, or there are several. Until all are of one time again, rights end by the later
            // one and locks by the earlier one, and what is dated is dated by the newest
            bounds = narrowed.Earliest <= narrowed.Latest ? narrowed : new Bounds(narrowed.Earliest, narrowed.Latest) { Likely = newest.Likely };
        }
    }

    private long Ticks(long timestamp) => (long)(timestamp * (TimeSpan.TicksPerSecond / (double)clock.TimestampFrequency));

    private DateTimeOffset At(long offset) => new(Ticks(clock.GetTimestamp()) + offset, TimeSpan.Zero);

    /// <summary>Control-plane time minus monotonic time, in ticks of 100 ns.</summary>
    private sealed record Bounds(long Latest, long Earliest)
    {
        public long Likely { get; init; } = Earliest + ((Latest - Earliest) / 2);
    }
}

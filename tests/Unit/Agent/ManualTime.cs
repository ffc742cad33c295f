namespace AccessPlane.Tests.Unit.Agent;

/// <summary>A clock that moves when told to: monotonic time and wall time apart, so that a test can set one and not the other.</summary>
internal sealed class ManualTime : TimeProvider
{
    private long ticks = TimeSpan.TicksPerDay;

    public DateTimeOffset Wall { get; set; } = new(2026, 1, 31, 12, 0, 0, TimeSpan.Zero);
    public override long TimestampFrequency => TimeSpan.TicksPerSecond;
    public override long GetTimestamp() => ticks;
    public override DateTimeOffset GetUtcNow() => Wall;

    public void Advance(TimeSpan by)
    {
        ticks += by.Ticks;
        Wall += by;
    }
}

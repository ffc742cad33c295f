namespace AccessPlane.Tests.Integration.Http;

/// <summary>A clock that stands until it is moved. Timers run by the real one: what a test moves is what time it is, not how long things take.</summary>
internal sealed class Clock(DateTimeOffset now) : TimeProvider
{
    private long ticks = now.UtcTicks;

    public override DateTimeOffset GetUtcNow() => new(Interlocked.Read(ref ticks), TimeSpan.Zero);

    public void Pass(TimeSpan time) => Interlocked.Add(ref ticks, time.Ticks);
}

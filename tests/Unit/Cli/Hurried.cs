namespace AccessPlane.Tests.Unit.Cli;

/// <summary>The real time, but that a pause of a command is over at once.</summary>
internal sealed class Hurried : TimeProvider
{
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(1);

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period) =>
        base.CreateTimer(callback, state, dueTime == Pause ? TimeSpan.Zero : dueTime, period);
}

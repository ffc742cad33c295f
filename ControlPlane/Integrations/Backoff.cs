namespace AccessPlane.ControlPlane.Integrations;

/// <summary>How long to wait after a failure: doubling, and each time another part of that, so that many who failed together do not come again together.</summary>
internal static class Backoff
{
    /// <summary>A receiver may ask for more than our longest pause, but not for ever.</summary>
    public static TimeSpan LongestWish { get; } = TimeSpan.FromHours(1);

    /// <param name="failures">In a row, from 1.</param>
    /// <param name="chance">0 to 1.</param>
    public static TimeSpan Pause(int failures, TimeSpan first, TimeSpan longest, TimeSpan? wish, double chance)
    {
        var whole = Math.Min(first.TotalSeconds * Math.Pow(2, Math.Min(failures - 1, 30)), longest.TotalSeconds);
        var own = TimeSpan.FromSeconds(whole * (0.5 + (chance / 2)));
        return wish is not { } asked || asked < own ? own : asked < LongestWish ? asked : LongestWish;
    }
}

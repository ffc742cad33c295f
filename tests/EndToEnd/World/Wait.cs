using System.Diagnostics;

namespace AccessPlane.Tests.EndToEnd.World;

/// <summary>Waiting for conditions; a time is only ever the bound.</summary>
internal static class Wait
{
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(50);

    /// <summary>A machine that is shared may be this much slower than one that is not: a bound is there for what never happens.</summary>
    public const int Patience = 4;

    /// <param name="seconds">By when it holds on a machine that does nothing else.</param>
    public static Task Until(Func<bool> condition, int seconds, Func<string> otherwise) =>
        Until(() => Task.FromResult(condition()), seconds, otherwise);

    public static async Task Until(Func<Task<bool>> condition, int seconds, Func<string> otherwise)
    {
        var watch = Stopwatch.StartNew();
        while (!await condition())
        {
            if (watch.Elapsed > TimeSpan.FromSeconds(seconds * Patience))
            {
                Assert.Fail($"not within {seconds * Patience} s: {otherwise()}");
            }
            await Task.Delay(Pause, TestContext.Current.CancellationToken);
        }
    }
}

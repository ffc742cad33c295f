using System.Diagnostics;

namespace AccessPlane.Tests.EndToEnd.World;

/// <summary>Waiting for conditions; a time is only ever the bound.</summary>
internal static class Wait
{
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(50);

    public static Task Until(Func<bool> condition, int seconds, Func<string> otherwise) =>
        Until(() => Task.FromResult(condition()), seconds, otherwise);

    public static async Task Until(Func<Task<bool>> condition, int seconds, Func<string> otherwise)
    {
        var watch = Stopwatch.StartNew();
        while (!await condition())
        {
            if (watch.Elapsed > TimeSpan.FromSeconds(seconds))
            {
                Assert.Fail($"not within {seconds} s: {otherwise()}");
            }
            await Task.Delay(Pause, TestContext.Current.CancellationToken);
        }
    }
}

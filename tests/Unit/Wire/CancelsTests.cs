using AccessPlane.Agent.Protocols.PostgreSql;
using Xunit;

namespace AccessPlane.Tests.Unit.Wire;

public sealed class CancelsTests : IDisposable
{
    private readonly Lock guard = new();
    private readonly SemaphoreSlim begun = new(0);
    private TaskCompletionSource arrival = new();
    private long? running = 1;
    private int passed;
    private readonly PgCancels cancels;

    public CancelsTests() => cancels = new PgCancels(guard, Pass, () => running);

    public void Dispose() => begun.Dispose();

    private async Task Pass()
    {
        Interlocked.Increment(ref passed);
        begun.Release();
        await arrival.Task;
    }

    private async Task Begun() => Assert.True(await begun.WaitAsync(TimeSpan.FromSeconds(10), TestContext.Current.CancellationToken));

    /// <summary>What follows from it has happened when this returns.</summary>
    private void Arrive()
    {
        var arrived = arrival;
        arrival = new TaskCompletionSource();
        arrived.SetResult();
    }

    private bool Ask()
    {
        lock (guard)
        {
            return cancels.Ask();
        }
    }

    [Fact]
    public async Task Of_a_flood_one_is_under_way_and_one_waits()
    {
        Assert.True(Ask());
        await Begun();
        Assert.True(Ask());
        for (var i = 0; i < 1000; i++)
        {
            Assert.False(Ask());
        }
        Arrive();
        await Begun();
        Assert.Equal(2, passed);
    }

    [Fact]
    public async Task One_that_waited_does_not_hit_what_runs_by_then()
    {
        Ask();
        await Begun();
        Ask();
        running = 2;
        Arrive();
        Assert.Equal(1, passed);
        Assert.True(Ask());
        await Begun();
        Assert.Equal(2, passed);
    }

    [Fact]
    public void Where_nothing_runs_nothing_is_cancelled()
    {
        running = null;
        Assert.False(Ask());
        Assert.Equal(0, passed);
    }
}

using System.Diagnostics;
using AccessPlane.Agent;
using Xunit;
using static AccessPlane.Tests.Integration.Wire.RawClient;
using static AccessPlane.Tests.Integration.Wire.WireAgent;

namespace AccessPlane.Tests.Integration.Wire;

/// <summary>A client that does not read what it asked for: the database waits with it, nothing piles up here, and it is not waited for without end.
/// Alone on the machine, because memory is counted.</summary>
[Collection(nameof(LargeDataTests))]
public sealed class SlowReaderTests : IAsyncLifetime
{
    private static readonly TimeSpan Unread = TimeSpan.FromSeconds(1);

    /// <summary>200 MB.</summary>
    private static readonly byte[] Much = Query("select repeat('x', 1000) from generate_series(1, 200000)");

    private WireAgent agent = null!;

    public async ValueTask InitializeAsync() => agent = await Start(new WireOptions { Bounds = DoorBounds.Standard with { Unread = Unread } });

    public ValueTask DisposeAsync() => agent.DisposeAsync();

    private Task<bool> DatabaseWaits => agent.Backends("wait_event = 'ClientWrite'", 1);

    [Fact]
    public async Task It_holds_up_its_own_database_session_costs_nothing_else_and_ends_in_time()
    {
        using var other = await agent.Connect();
        await other.StillWorks();
        using var client = await agent.Connect();
        var (took, before) = (Stopwatch.StartNew(), GC.GetTotalAllocatedBytes(precise: true));
        await client.Send(Much);
        await Until(() => DatabaseWaits);
        var served = 0;
        for (; agent.Live.Count == 2; served++)
        {
            await other.StillWorks();
        }
        took.Stop();
        Assert.InRange(took.Elapsed, Unread, TimeSpan.FromSeconds(15));
        Assert.InRange(GC.GetTotalAllocatedBytes(precise: true) - before, 0, 64 * 1024 * 1024); // and most of it is what the other one asked
        await Until(() => agent.Backends("true", 1));
        await other.StillWorks();
        var record = agent.Transcript();
        Assert.Contains(record, l => l.Contains("\"cause\":\"limit\"", StringComparison.Ordinal));
        Assert.Contains(record, l => l.Contains("the client left unread for 1 s what it was sent", StringComparison.Ordinal));
        Assert.Contains(record, l => l.Contains("\"outcome\":\"unknown\"", StringComparison.Ordinal));
        FaultReport.Saw($"it ended after {took.Elapsed.TotalSeconds:0.0} s of a bound of {Unread.TotalSeconds:0.0} s; the other session was served {served} times meanwhile; 0 sessions at the database left of it, 1 statement recorded as unknown");
    }

    [Fact]
    public async Task One_that_reads_slowly_and_steadily_gets_all_of_it()
    {
        using var client = await agent.Connect();
        client.Socket.ReceiveBufferSize = 64 * 1024;
        await client.Send(Much);
        await Until(() => DatabaseWaits);
        var (took, buffer) = (Stopwatch.StartNew(), new byte[256 * 1024]);
        using var pace = new PeriodicTimer(TimeSpan.FromMilliseconds(20));
        long got = 0;
        for (; took.Elapsed < 3 * Unread; await pace.WaitForNextTickAsync(TestContext.Current.CancellationToken))
        {
            got += await client.Socket.ReceiveAsync(buffer);
        }
        Assert.True(await DatabaseWaits); // it was no faster than that
        for (int more; (more = await client.Socket.ReceiveAsync(buffer)) > 0; got += more)
        {
            if (buffer[more - 1] == 'I' && buffer[more - 6] == 'Z')
            {
                break;
            }
        }
        Assert.InRange(got, 200_000 * 1000L, long.MaxValue);
        await client.StillWorks();
    }

    [Fact]
    public async Task One_that_asks_nothing_is_not_meant()
    {
        using var client = await agent.Connect();
        await client.StillWorks();
        var took = Stopwatch.StartNew();
        using var other = await agent.Connect();
        while (took.Elapsed < 2 * Unread)
        {
            await other.StillWorks();
        }
        await client.StillWorks();
    }
}

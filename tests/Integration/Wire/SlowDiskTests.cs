using AccessPlane.Contracts.Policy;
using AccessPlane.Tests.Integration.Agents;
using Xunit;
using static AccessPlane.Tests.Integration.Wire.RawClient;
using static AccessPlane.Tests.Integration.Wire.WireAgent;

namespace AccessPlane.Tests.Integration.Wire;

/// <summary>Evidence that must outlive the host, on a disk that takes its time: nothing reaches the server before its record is durable.</summary>
public sealed class SlowDiskTests : IAsyncLifetime
{
    private readonly HeldDisk disk = new();
    private WireAgent agent = null!;

    public async ValueTask InitializeAsync()
    {
        agent = await Start(new WireOptions(Evidence: Evidence.Fsync, FreezeAfter: TimeSpan.FromSeconds(1)) { Disk = disk });
        await agent.Directly("create table d (a int)", $"grant all on d to {agent.Database}");
    }

    public async ValueTask DisposeAsync()
    {
        disk.Release();
        await agent.DisposeAsync();
        disk.Dispose();
    }

    private Task DiskIsBusy() => Until(() => Task.FromResult(disk.IsBusy));

    [Fact]
    public async Task A_statement_stays_at_the_agent_until_its_record_is_durable()
    {
        using var client = await agent.Connect();
        using var other = await agent.Connect();
        disk.Hold();
        await client.Send(Query("insert into d values (1)"));
        await DiskIsBusy();
        await other.Send(Query("insert into d values (2)"));
        await Until(() => Task.FromResult(agent.OnDisk().Contains("values (2)", StringComparison.Ordinal)));
        Assert.True(await agent.Backends("query like 'insert%'", 0)); // recorded, and neither of them forwarded
        Assert.Equal(0L, await agent.Ask("select count(*) from d"));
        disk.Release();
        Assert.Equal("C[INSERT 0 1] ZI", Story(await client.UntilReady()));
        Assert.Equal("C[INSERT 0 1] ZI", Story(await other.UntilReady()));
        Assert.Equal(2L, await agent.Ask("select count(*) from d"));
        FaultReport.Saw($"while the disk did not confirm: 2 statements in the spool, 0 at the database; afterwards 2 executed, 2 answered");
    }

    [Fact]
    public async Task A_hundred_operations_that_come_together_ask_the_disk_a_few_times()
    {
        using var client = await agent.Connect();
        var before = disk.Flushes;
        byte[] one = [.. Bind("", "s"), .. Execute()];
        await client.Send([.. Parse("s", "insert into d values (7)"), .. Enumerable.Repeat(one, 100).SelectMany(b => b), .. Sync]);
        Assert.Equal($"1 {string.Concat(Enumerable.Repeat("2 C[INSERT 0 1] ", 100))}ZI", Story(await client.UntilReady()));
        Assert.InRange(disk.Flushes - before, 1, 10);
        Assert.Equal(100L, await agent.Ask("select count(*) from d"));
    }

    [Fact]
    public async Task A_session_that_froze_while_it_waited_for_the_disk_goes_on_with_the_thaw()
    {
        using var client = await agent.Connect();
        disk.Hold();
        await client.Send(Query("insert into d values (3)"));
        await DiskIsBusy();
        agent.LoseTouch();
        await Until(() => Task.FromResult(agent.IsFrozen));
        disk.Release();
        await Until(() => Task.FromResult(!disk.IsBusy));
        Assert.Equal(0L, await agent.Ask("select count(*) from d"));
        agent.FindTouch();
        Assert.Equal("C[INSERT 0 1] ZI", Story(await client.UntilReady()));
        Assert.Equal(1L, await agent.Ask("select count(*) from d"));
    }

    [Fact]
    public async Task What_waits_for_the_disk_does_not_run_after_a_revocation()
    {
        using var client = await agent.Connect();
        disk.Hold();
        await client.Send(Query("insert into d values (4)"));
        await DiskIsBusy();
        agent.Revoke();
        Assert.Equal("E57P01", Story(await client.UntilReady()));
        disk.Release();
        await Until(() => agent.Backends("true", 0));
        Assert.Equal(0L, await agent.Ask("select count(*) from d"));
        FaultReport.Saw($"1 statement waited for its record when its session was revoked: cut with 57P01, 0 executed");
    }

    [Fact]
    public async Task Where_the_disk_fails_the_statement_never_runs_and_the_session_ends()
    {
        using var client = await agent.Connect();
        disk.IsBroken = true;
        await client.Send(Query("insert into d values (5)"));
        Assert.Equal("E57P01", Story(await client.UntilReady()));
        disk.IsBroken = false;
        await Until(() => Task.FromResult(agent.Live.Count == 0)); // the client is told first, the record is closed last
        Assert.True(await agent.Backends("true", 0));
        Assert.Equal(0L, await agent.Ask("select count(*) from d"));
        Assert.Contains(agent.Transcript(), l => l.Contains("\"cause\":\"spool\"", StringComparison.Ordinal));
    }
}

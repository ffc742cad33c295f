using System.Security.Cryptography;
using AccessPlane.Agent;
using AccessPlane.Agent.Recording;
using AccessPlane.Contracts.Policy;
using AccessPlane.Tests.Integration.Wire;
using AccessPlane.Tests.Unit.Agent;
using Xunit;

namespace AccessPlane.Tests.Integration.Agents;

/// <summary>What an operator is told while there is time: at the agent's health, and by what it counts.</summary>
public sealed class SpoolAlertTests : IDisposable
{
    private readonly StateFolder state = new();
    private readonly ECDsa key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
    private readonly AgentWorld world = new();

    public void Dispose()
    {
        key.Dispose();
        state.Dispose();
    }

    private Spool Open(long bytes = 8L << 30) => new(state.Path, SpoolLimits.Standard with { Bytes = bytes }, ControlPlaneKey.Wrap, world.InForce.Time);

    private static SessionRecorder Begin(Spool spool)
    {
        var session = Guid.CreateVersion7();
        return spool.Begin(session, number => SpoolTests.Start(session, number), Evidence.Buffered, why => Assert.Fail(why));
    }

    private string ToBeLookedAt(Spool spool) => new Health(world.InForce, null!, world.Live, spool).ToBeLookedAt;

    [Fact]
    public void A_spool_that_fills_up_is_told_of_before_anybody_is_turned_away()
    {
        using var spool = Open(bytes: 100_000);
        using var recorder = Begin(spool);
        spool.Tick();
        Assert.Equal("", ToBeLookedAt(spool));
        recorder.Fact("gap", new string('x', 72_000));
        spool.Tick();
        Assert.True(spool.TakesSessions);
        Assert.Matches("^the spool is 7[0-9] % full: from 85 % on nobody new is admitted", ToBeLookedAt(spool));
    }

    [Fact]
    public void What_the_control_plane_does_not_take_for_a_day_is_told_of_until_it_takes_something()
    {
        using var spool = Open();
        using var recorder = Begin(spool);
        world.Time.Advance(TimeSpan.FromHours(23));
        Assert.Equal("", ToBeLookedAt(spool));
        world.Time.Advance(TimeSpan.FromHours(2));
        Assert.Equal("transcripts have waited for 25 hours for the control plane to take them", ToBeLookedAt(spool));
        var file = spool.Files.Single();
        file.Seal("a", key);
        spool.Accept(file.Session, 1);
        Assert.Equal(("", TimeSpan.Zero), (ToBeLookedAt(spool), spool.Waiting));
    }

    [Fact]
    public void What_an_earlier_process_left_has_waited_since_it_was_written()
    {
        string path;
        using (var before = Open())
        {
            using var recorder = Begin(before);
            path = before.Files.Single().Path;
        }
        File.SetLastWriteTimeUtc(path, world.Time.Wall.UtcDateTime.AddHours(-30));
        using var spool = Open();
        var recover = new RecoverSpool(spool, world.InForce.Time);
        recover.Run();
        Assert.Contains("have waited for 30 hours", ToBeLookedAt(spool), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_disk_that_takes_its_time_is_told_of_while_statements_wait_for_it_and_for_a_while_after()
    {
        using var disk = new HeldDisk();
        using var spool = new Spool(state.Path, SpoolLimits.Standard, ControlPlaneKey.Wrap, world.InForce.Time, null, disk);
        var session = Guid.CreateVersion7();
        var recorder = spool.Begin(session, number => SpoolTests.Start(session, number), Evidence.Fsync, why => Assert.Fail(why));
        Assert.True(await recorder.Kept());
        Assert.Equal(("", TimeSpan.Zero), (ToBeLookedAt(spool), spool.SlowestFlush));
        disk.Hold();
        recorder.Statement("simple", "select 1"u8, default, SpoolTests.Select, SpoolTests.Allowed);
        var kept = recorder.Kept().AsTask();
        await WireAgent.Until(() => Task.FromResult(disk.IsBusy));
        world.Time.Advance(TimeSpan.FromSeconds(5));
        const string slow = "the disk is slow: a record took 5 s to become durable, and statements wait for theirs";
        Assert.Equal(slow, ToBeLookedAt(spool));
        Assert.False(kept.IsCompleted);
        disk.Release();
        Assert.True(await kept);
        world.Time.Advance(TimeSpan.FromSeconds(29));
        Assert.Equal((slow, TimeSpan.FromSeconds(5)), (ToBeLookedAt(spool), spool.SlowestFlush));
        world.Time.Advance(TimeSpan.FromSeconds(61));
        Assert.Equal(("", TimeSpan.Zero), (ToBeLookedAt(spool), spool.SlowestFlush));
        FaultReport.Saw("a flush took 5 s by the test's clock: told while it did and for half a minute at least, at the agent's health and by a gauge");
    }

    [Theory]
    [InlineData(3600, "this host's clock is 3600 s ahead of the control plane's")]
    [InlineData(-3600, "this host's clock is 3600 s behind the control plane's")]
    [InlineData(4, "")]
    public void A_clock_that_is_wrong_is_told_of(int seconds, string told)
    {
        using var spool = Open();
        world.Time.Wall += TimeSpan.FromSeconds(seconds);
        Assert.Equal(told, ToBeLookedAt(spool));
    }
}

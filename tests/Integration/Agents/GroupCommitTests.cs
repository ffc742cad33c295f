using System.Text;
using AccessPlane.Agent.Recording;
using AccessPlane.Contracts.Policy;
using Xunit;
using static AccessPlane.Tests.Integration.Wire.WireAgent;

namespace AccessPlane.Tests.Integration.Agents;

/// <summary>Evidence that outlives the host: who waits for the disk, and how often it is asked.</summary>
public sealed class GroupCommitTests : IDisposable
{
    private readonly StateFolder state = new();
    private readonly HeldDisk disk = new();
    private readonly Spool spool;
    private readonly List<string> broken = [];

    public GroupCommitTests() => spool = new Spool(state.Path, SpoolLimits.Standard, ControlPlaneKey.Wrap, TimeProvider.System, null, disk);

    public void Dispose()
    {
        disk.Release();
        spool.Dispose();
        disk.Dispose();
        state.Dispose();
    }

    private SessionRecorder Begin(Evidence evidence)
    {
        var id = Guid.CreateVersion7();
        return spool.Begin(id, number => SpoolTests.Start(id, number), evidence, broken.Add);
    }

    private static void Say(SessionRecorder recorder) =>
        recorder.Statement("simple", Encoding.UTF8.GetBytes("select 1"), default, SpoolTests.Select, SpoolTests.Allowed);

    [Fact]
    public async Task However_many_sessions_wait_for_the_disk_they_share_one_flush()
    {
        const int sessions = 100;
        var recorders = Enumerable.Range(0, sessions).Select(_ => Begin(Evidence.Fsync)).ToList();
        await Task.WhenAll(recorders.Select(r => r.Kept().AsTask()));
        var before = disk.Flushes;
        disk.Hold();
        Say(recorders[0]);
        var first = recorders[0].Kept().AsTask();
        await Until(() => Task.FromResult(disk.IsBusy));
        var rest = recorders.Skip(1).Select(recorder =>
        {
            Say(recorder);
            return recorder.Kept().AsTask();
        }).ToList();
        Assert.False(first.IsCompleted);
        Assert.DoesNotContain(rest, r => r.IsCompleted);
        disk.Release();
        Assert.All(await Task.WhenAll(rest.Append(first)), Assert.True);
        Assert.Equal(2, disk.Flushes - before);
        Assert.Empty(broken);
    }

    [Fact]
    public async Task What_comes_while_the_disk_is_busy_waits_for_a_flush_that_began_behind_it()
    {
        var recorder = Begin(Evidence.Fsync);
        await recorder.Kept();
        var before = disk.Flushes;
        disk.Hold();
        Say(recorder);
        var first = recorder.Kept().AsTask();
        await Until(() => Task.FromResult(disk.IsBusy));
        Say(recorder);
        var second = recorder.Kept().AsTask();
        disk.Release();
        Assert.True(await first && await second);
        Assert.Equal(2, disk.Flushes - before);
        Assert.True((await recorder.Kept()) && disk.Flushes - before == 2, "what is kept already asks no disk");
    }

    [Fact]
    public async Task Ten_statements_of_one_batch_cost_one_flush()
    {
        var recorder = Begin(Evidence.Fsync);
        await recorder.Kept();
        var before = disk.Flushes;
        for (var i = 0; i < 10; i++)
        {
            Say(recorder);
        }
        Assert.True(await recorder.Kept());
        Assert.Equal(1, disk.Flushes - before);
    }

    [Fact]
    public async Task A_new_file_is_flushed_with_its_name()
    {
        Assert.True(await Begin(Evidence.Fsync).Kept());
        Assert.Equal((0, 1), (disk.Ones, disk.Alls));
    }

    [Fact]
    public async Task Buffered_evidence_waits_for_no_disk()
    {
        disk.Hold();
        var recorder = Begin(Evidence.Buffered);
        Say(recorder);
        Assert.True(await recorder.Kept());
        Assert.Equal(0, disk.Flushes);
    }

    [Fact]
    public async Task Where_the_disk_fails_nothing_is_forwarded_and_the_session_ends()
    {
        var recorder = Begin(Evidence.Fsync);
        Assert.True(await recorder.Kept());
        disk.IsBroken = true;
        Say(recorder);
        Assert.False(await recorder.Kept());
        Assert.Equal(["its record did not reach the disk"], broken);
        disk.IsBroken = false;
        Assert.False(await recorder.Kept()); // a later flush that succeeds says nothing of what the failed one lost
        Assert.Throws<IOException>(() => Say(recorder));
    }
}

using System.Buffers.Binary;
using System.Security.Cryptography;
using AccessPlane.Agent.Recording;
using AccessPlane.Tests.Integration.Wire;
using AccessPlane.Tests.Unit;
using Xunit;

namespace AccessPlane.Tests.Integration.Agents;

/// <summary>Rows of results on their way to the disk: they take no more memory and no more of a full disk than they may.</summary>
public sealed class SpooledRowsTests : IDisposable
{
    private readonly StateFolder state = new();
    private readonly ECDsa key = ECDsa.Create(ECCurve.NamedCurves.nistP256);

    public void Dispose()
    {
        key.Dispose();
        state.Dispose();
    }

    /// <summary>One column, one row of one value.</summary>
    private static bool Show(SessionRecorder recorder, int bytes)
    {
        byte[] row = [0, 0, 0, 0, 0, 1, 0, 0, 0, 0, .. Enumerable.Repeat((byte)'x', bytes)];
        BinaryPrimitives.WriteInt32BigEndian(row, row.Length);
        BinaryPrimitives.WriteInt32BigEndian(row.AsSpan(6), bytes);
        return recorder.Rows(1, new SeenRows([0, 0, 0, 25, 0, 0, 0, 0, 1, (byte)'a'], row, 0, 0));
    }

    [Fact]
    public void Recording_small_rows_allocates_nothing_in_steady_state()
    {
        using var spool = new Spool(state.Path, SpoolLimits.Standard, ControlPlaneKey.Wrap, TimeProvider.System);
        using var recorder = SpoolTests.Begin(spool, out _);
        void Many()
        {
            Show(recorder, 100); // what it makes here is counted apart
            recorder.Tick();
        }
        static long Made() => Allocated.InSteadyState(() => _ = (byte[])[0, 0, 0, 0, 0, 1, 0, 0, 0, 0, .. Enumerable.Repeat((byte)'x', 100)]);

        Allocated.InSteadyState(Many);
        Assert.InRange(Allocated.InSteadyState(Many), 0, Made() + 64);
        recorder.End("closed", null, null);
    }

    [Fact]
    public void Rows_are_written_before_many_of_them_wait_so_that_no_part_becomes_large()
    {
        using var spool = new Spool(state.Path, SpoolLimits.Standard, ControlPlaneKey.Wrap, TimeProvider.System);
        using var recorder = SpoolTests.Begin(spool, out var session);
        for (var i = 0; i < 20; i++)
        {
            Show(recorder, 500_000);
        }
        spool.Files.Single().Seal("a", key);
        Assert.InRange(spool.Files.Single().Read(spool.Files.Single().Oldest()!, "a").Entries.Length, 500_000, 500_000 + SpoolFile.PartBytes);
        recorder.End("closed", null, null);
        Assert.Equal(20, SpoolTests.Drained(spool, key)[session].Count(e => e is { Kind: "rows", Values.Count: 1, RowsOmitted: null }));
    }

    [Fact]
    public void While_the_disk_is_full_rows_are_counted_and_no_heap_of_them_waits()
    {
        using var disk = SmallDisk.Mount();
        using var spool = new Spool(disk.Path, SpoolLimits.Standard, ControlPlaneKey.Wrap, TimeProvider.System, null);
        using var recorder = SpoolTests.Begin(spool, out var session);
        disk.Fill();
        var kept = Enumerable.Range(0, 100).Count(_ => Show(recorder, 1_000_000));
        disk.Empty();
        recorder.End("closed", null, null);
        var rows = SpoolTests.Drained(spool, key)[session].Where(e => e.Kind == "rows").ToList();
        Assert.Equal(100, rows.Sum(e => (e.Values?.Count ?? 0) + (e.RowsOmitted ?? 0)));
        Assert.InRange(kept, 1, 10);
        Assert.Equal(kept, rows.Count(e => e.Values is not null));
    }
}

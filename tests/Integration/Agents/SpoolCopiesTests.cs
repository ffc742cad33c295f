using System.Globalization;
using System.Security.Cryptography;
using AccessPlane.Agent.Recording;
using AccessPlane.Contracts.Policy;
using Xunit;

namespace AccessPlane.Tests.Integration.Agents;

/// <summary>A receipt says that the log holds a transcript; until a checkpoint outside of the database does too, a log that is lost would take it along.</summary>
public sealed class SpoolCopiesTests : IDisposable
{
    private readonly StateFolder state = new();
    private readonly ECDsa key = ECDsa.Create(ECCurve.NamedCurves.nistP256);

    public void Dispose()
    {
        key.Dispose();
        state.Dispose();
    }

    [Fact]
    public void A_transcript_stays_until_a_checkpoint_covers_it_over_a_restart_too()
    {
        using (var first = Open())
        {
            Ended(first);
            SpoolTests.Drained(first, key, position: 50);
            Assert.True(first.IsEmpty, "the control plane holds it: nothing of it is to be sent");
            first.Witnessed = new Witnessed(1, 49);
            first.Tick();
            Assert.Single(Copies(first));
            Assert.Equal((0, new FileInfo(Copies(first)[0]).Length), (first.Bytes, first.Copies.Bytes));
        }
        using var second = Open();
        Assert.Empty(ControlPlaneKey.Recover(second));
        second.Tick();
        Assert.True(second.IsEmpty);
        Assert.Single(Copies(second));
        second.Witnessed = new Witnessed(1, 50);
        second.Tick();
        Assert.Empty(Copies(second));
        Assert.Equal(0, second.Copies.Bytes);
    }

    /// <summary>Killed between the two files of a transcript: it is neither lost nor taken for one that was never sent.</summary>
    [Fact]
    public void A_process_that_ends_while_it_puts_a_copy_aside_leaves_it_whole()
    {
        using (var first = Open())
        {
            Ended(first);
            SpoolTests.Drained(first, key, position: 50);
            var index = SpoolFile.IndexOf(Copies(first)[0]);
            File.Move(index, Path.Combine(first.Folder, Path.GetFileName(index).Split('.', 3)[2]));
        }
        using var second = Open();
        Assert.Empty(ControlPlaneKey.Recover(second));
        Assert.True(second.IsEmpty);
        Assert.True(File.Exists(SpoolFile.IndexOf(Copies(second)[0])));
        second.Witnessed = new Witnessed(2, 0);
        Assert.Single(second.GiveBack());
    }

    /// <summary>An index that is gone must not keep an agent from starting: the log holds what was copied.</summary>
    [Fact]
    public void A_copy_without_its_index_is_none_and_the_agent_starts()
    {
        using (var first = Open())
        {
            Ended(first);
            SpoolTests.Drained(first, key, position: 50);
            File.Delete(SpoolFile.IndexOf(Copies(first)[0]));
        }
        using var second = Open();
        Assert.Equal(0, second.Copies.Bytes);
        second.Witnessed = new Witnessed(2, 0);
        Assert.Empty(second.GiveBack());
    }

    [Fact]
    public void What_is_covered_when_its_receipt_comes_leaves_at_once()
    {
        using var spool = Open();
        spool.Witnessed = new Witnessed(1, 50);
        Ended(spool);
        SpoolTests.Drained(spool, key, position: 50);
        Assert.Empty(Copies(spool));
        Assert.Empty(Directory.EnumerateFiles(spool.Folder, "*.transcript"));
    }

    [Fact]
    public void So_does_what_was_accepted_of_a_session_that_goes_on()
    {
        using var spool = Open();
        using var recorder = spool.Begin(Guid.CreateVersion7(), number => SpoolTests.Start(Guid.CreateVersion7(), number), Evidence.Buffered, why => Assert.Fail(why));
        Says(recorder, 100);
        var file = spool.Files.Single();
        file.Seal("a", key);
        var part = file.Oldest()!;
        var held = spool.Bytes;
        spool.Accept(file.Session, part.Number, position: 50);
        Assert.Null(file.Oldest());
        Assert.NotEmpty(file.Read(part, "a").Entries);
        Assert.Equal(held, spool.Bytes);
        Assert.InRange(spool.Copies.LiveBytes, part.Length / 2, held);

        spool.Witnessed = new Witnessed(1, 50);
        spool.Tick();
        Assert.Equal(0, spool.Copies.LiveBytes);
        Assert.True(spool.Bytes < held / 2, $"{spool.Bytes} bytes are left of {held}");
    }

    /// <summary>Restored from a backup, for example: what it held is sent again, and what it never had is sent as before.</summary>
    [Fact]
    public void A_log_that_was_set_back_gets_again_what_it_held()
    {
        using var spool = Open();
        spool.Witnessed = new Witnessed(1, 10);
        Assert.Empty(spool.GiveBack());
        var whole = Ended(spool);
        var before = SpoolTests.Drained(spool, key, position: 50)[whole];
        using var recorder = spool.Begin(Guid.CreateVersion7(), number => SpoolTests.Start(Guid.CreateVersion7(), number), Evidence.Buffered, why => Assert.Fail(why));
        var live = spool.Files.Single();
        Says(recorder, 3);
        live.Seal("a", key);
        var part = live.Oldest()!;
        spool.Accept(live.Session, part.Number, position: 51);
        Says(recorder, 3);
        live.Seal("a", key);
        Assert.Equal(part.Number + 1, live.Oldest()!.Number);

        spool.Witnessed = new Witnessed(2, 60);
        spool.Tick();
        var again = Assert.Single(spool.GiveBack());
        Assert.Equal((0, 0), (spool.Copies.Bytes, spool.Copies.LiveBytes));
        Assert.Equal(part.Number, live.Oldest()!.Number);
        Assert.False(spool.PassCopy(live.Session, part.Number + 1, "none of those that come again"));
        var recover = new RecoverSpool(spool, TimeProvider.System);
        Assert.Empty(recover.Find([again]));
        Assert.Empty(recover.Take(whole, ControlPlaneKey.Open(Assert.Single(recover.Left))));
        Assert.Equal(before.Select(e => (e.Seq, e.Kind)), SpoolTests.Drained(spool, key, position: 55)[whole].Select(e => (e.Seq, e.Kind)));
        Assert.Empty(spool.GiveBack());
    }

    /// <summary>The log has gone on without it: what it holds says so, and nobody's session ends over it.</summary>
    [Fact]
    public void A_copy_that_is_refused_is_kept_aside_and_its_session_goes_on()
    {
        using var spool = Open();
        using var recorder = spool.Begin(Guid.CreateVersion7(), number => SpoolTests.Start(Guid.CreateVersion7(), number), Evidence.Buffered, why => Assert.Fail(why));
        var file = spool.Files.Single();
        Says(recorder, 3);
        file.Seal("a", key);
        var part = file.Oldest()!;
        spool.Accept(file.Session, part.Number, position: 50);
        Says(recorder, 3);
        file.Seal("a", key);
        spool.Witnessed = new Witnessed(2, 0);
        spool.GiveBack();
        Assert.True(spool.PassCopy(file.Session, part.Number, "it came after later ones"));
        Assert.Single(Directory.EnumerateFiles(spool.Quarantine.Folder, "*.transcript"));
        Assert.Equal(part.Number + 1, file.Oldest()!.Number);
        Says(recorder, 3);
        recorder.End("closed", null, null);
        Assert.Equal("end", SpoolTests.Drained(spool, key)[file.Session][^1].Kind);
    }

    /// <summary>An agent that was away meanwhile learns of it when it comes back.</summary>
    [Fact]
    public void So_does_one_that_was_set_back_while_the_agent_was_away()
    {
        Guid session;
        using (var first = Open())
        {
            first.Witnessed = new Witnessed(1, 10);
            session = Ended(first);
            SpoolTests.Drained(first, key, position: 50);
        }
        using var second = Open();
        second.Witnessed = new Witnessed(2, 60);
        Assert.Contains(session.ToString("D"), Assert.Single(second.GiveBack()), StringComparison.Ordinal);
    }

    [Fact]
    public void Copies_keep_nobody_out_the_oldest_go_where_room_is_scarce()
    {
        using var probe = Open();
        Ended(probe);
        SpoolTests.Drained(probe, key, position: 1);
        var size = probe.Copies.Bytes;
        probe.Dispose();

        using var spool = Open(new SpoolLimits(size * 9, 0.85, 0.95, TimeSpan.FromSeconds(60)));
        for (var position = 2; position <= 12; position++)
        {
            Ended(spool);
            SpoolTests.Drained(spool, key, position);
            spool.Tick();
            Assert.Equal(0, spool.Fullness);
        }
        Assert.Equal([11, 12], Copies(spool).Select(path => int.Parse(Path.GetFileName(path).Split('.')[1], CultureInfo.InvariantCulture)));
    }

    private Spool Open(SpoolLimits? limits = null)
    {
        var spool = new Spool(state.Path, limits ?? SpoolLimits.Standard, ControlPlaneKey.Wrap, TimeProvider.System) { Witnessed = new Witnessed(1, 0) };
        Assert.Empty(spool.GiveBack());
        return spool;
    }

    private static List<string> Copies(Spool spool) => [.. Directory.EnumerateFiles(spool.Folder, "*.transcript", SearchOption.AllDirectories).Order(StringComparer.Ordinal)];

    private static Guid Ended(Spool spool)
    {
        var session = Guid.CreateVersion7();
        using var recorder = spool.Begin(session, number => SpoolTests.Start(session, number), Evidence.Buffered, why => Assert.Fail(why));
        Says(recorder, 3);
        recorder.End("closed", null, null);
        return session;
    }

    private static void Says(SessionRecorder recorder, int statements)
    {
        for (var i = 0; i < statements; i++)
        {
            recorder.Statement("simple", "select 1"u8, default, SpoolTests.Select, SpoolTests.Allowed);
        }
        recorder.Tick();
    }
}

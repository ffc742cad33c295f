using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using AccessPlane.Agent.Recording;
using AccessPlane.Contracts.Messages;
using AccessPlane.Contracts.Policy;
using AccessPlane.ControlPlane.Agents;
using AccessPlane.ControlPlane.Keys;
using Xunit;

namespace AccessPlane.Tests.Integration.Agents;

/// <summary>What a stolen disk shows, and what a damaged one costs.</summary>
public sealed class EncryptedSpoolTests : IDisposable
{
    private const string Secret = "alter role payroll password 'swordfish'";
    private readonly StateFolder state = new();
    private readonly ECDsa key = ECDsa.Create(ECCurve.NamedCurves.nistP256);

    public void Dispose()
    {
        key.Dispose();
        state.Dispose();
    }

    private Spool Open() => new(state.Path, SpoolLimits.Standard, ControlPlaneKey.Wrap, TimeProvider.System);

    private static (SessionRecorder Recorder, SpoolFile File) Begin(Spool spool)
    {
        var id = Guid.CreateVersion7();
        var recorder = spool.Begin(id, number => SpoolTests.Start(id, number), Evidence.Buffered, _ => { });
        return (recorder, spool.Files.Single(f => f.Session == id));
    }

    private static void Say(SessionRecorder recorder, string text)
    {
        var op = recorder.Statement("simple", Encoding.UTF8.GetBytes(text), default, SpoolTests.Select, SpoolTests.Allowed);
        recorder.Result(op, new OperationResult("completed", (byte)'I', 10, 1, 12, "SELECT 1"u8, default, default));
    }

    private string OnlyFile => Directory.GetFiles(state.File("spool"), "*.transcript").Single();

    /// <summary>The frames of the file as whoever stole it sees them: kind, and what follows the header.</summary>
    private List<(byte Kind, byte[] Body)> Frames()
    {
        var bytes = File.ReadAllBytes(OnlyFile).AsSpan();
        List<(byte, byte[])> frames = [];
        for (int at = 0, size; (size = SpoolCipher.LengthAt(bytes[at..])) > 0; at += size)
        {
            frames.Add((bytes[at], bytes.Slice(at + SpoolCipher.Header, size - SpoolCipher.Header).ToArray()));
        }
        return frames;
    }

    [Fact]
    public void Nothing_that_was_said_can_be_read_from_the_disk()
    {
        using (var spool = Open())
        {
            var (recorder, file) = Begin(spool);
            Say(recorder, Secret);
            recorder.Statement("extended", "select $1"u8, new BoundParameters(1, [], [0, 0, 0, 9, .. "swordfish"u8]), SpoolTests.Select, SpoolTests.Allowed);
            spool.Tick();
            file.Seal("a", key);
            Assert.Contains("swordfish", file.Entries(), StringComparison.Ordinal);
        }
        foreach (var path in Directory.GetFiles(state.Path, "*", SearchOption.AllDirectories))
        {
            var text = File.ReadAllText(path, Encoding.Latin1);
            Assert.All(["swordfish", "engineer", "orders-read", "psql"], said => Assert.DoesNotContain(said, text, StringComparison.Ordinal));
        }
    }

    [Fact]
    public void No_nonce_comes_twice_under_a_key_whatever_was_cut_off_or_written_over()
    {
        List<(byte Kind, byte[] Body)> seen = [];
        using (var first = Open())
        {
            var (recorder, _) = Begin(first);
            Say(recorder, "select 1");
            Say(recorder, "select 2");
        }
        seen.AddRange(Frames());
        using (var file = File.OpenWrite(OnlyFile))
        {
            file.SetLength(file.Length - 1); // the last frame is torn: the next process writes over it
        }
        using (var second = Open())
        {
            Assert.Single(ControlPlaneKey.Recover(second));
        }
        seen.AddRange(Frames());

        var holder = "";
        var under = new Dictionary<(string Key, ulong Nonce), byte[]>();
        foreach (var (kind, body) in seen)
        {
            if (kind == SpoolCipher.KeyFrame)
            {
                holder = Encoding.ASCII.GetString(body);
                continue;
            }
            var used = (holder, BinaryPrimitives.ReadUInt64LittleEndian(body));
            Assert.True(under.TryAdd(used, body) || under[used].SequenceEqual(body), "one nonce encrypted two things");
        }
        Assert.Equal(2, under.Keys.Select(k => k.Key).Distinct().Count());
    }

    [Fact]
    public void Two_sessions_have_two_keys()
    {
        using var spool = Open();
        var wrapped = new[] { Begin(spool), Begin(spool) }.Select(s => s.File.Path).ToList();
        spool.Dispose();
        var keys = wrapped.Select(path => Assert.Single(ControlPlaneKey.Open(LeftSession.Read(path, Guid.Parse(Path.GetFileNameWithoutExtension(path)[13..]), 1))!)).ToList();
        Assert.NotEqual(keys[0], keys[1]);
        Assert.All(keys, k => Assert.Equal(32, k.Length));
    }

    [Fact]
    public void Any_byte_that_is_not_what_was_written_is_found()
    {
        using (var spool = Open())
        {
            var (recorder, file) = Begin(spool);
            Say(recorder, "select 1");
            recorder.End("closed", null, null);
            file.Seal("a", key);
        }
        var (path, whole) = (OnlyFile, File.ReadAllBytes(OnlyFile));
        var index = File.ReadAllBytes(SpoolFile.IndexOf(path));
        for (var at = 0; at < whole.Length; at += 11)
        {
            var bytes = whole.ToArray();
            bytes[at] ^= 0x40;
            File.WriteAllBytes(path, bytes);
            File.WriteAllBytes(SpoolFile.IndexOf(path), index);
            using var next = Open();
            Assert.True(ControlPlaneKey.Recover(next) is [{ Kind: "spool-unreadable" }], $"byte {at} of {whole.Length} was changed, and nobody saw it");
            Assert.Empty(next.Files);
            Directory.Delete(next.Quarantine.Folder, recursive: true);
        }
    }

    [Fact]
    public void What_the_control_plane_cannot_open_is_put_aside_and_told_at_every_start()
    {
        using (var first = new Spool(state.Path, SpoolLimits.Standard, (session, _) => ControlPlaneKey.Wrap(Guid.Empty, "a key for another session"), TimeProvider.System))
        {
            Say(Begin(first).Recorder, "select 1");
        }
        for (var start = 0; start < 2; start++)
        {
            using var next = Open();
            var gap = Assert.Single(ControlPlaneKey.Recover(next));
            Assert.Equal("spool-unreadable", gap.Kind);
            Assert.Contains("cannot open its key", gap.Detail, StringComparison.Ordinal);
            Assert.Empty(next.Files);
        }
    }

    [Fact]
    public void A_part_that_the_disk_lost_is_a_signed_gap_and_what_is_around_it_is_kept()
    {
        Guid session;
        long lostFrom;
        using (var first = Open())
        {
            var (recorder, file) = Begin(first);
            session = file.Session;
            file.Seal("a", key);
            first.Accept(session, 1);
            lostFrom = file.Written.Offset;
            Say(recorder, "select 'lost'");
            file.Seal("a", key);
            Say(recorder, "select 'kept'");
            first.Tick();
            file.Seal("a", key);
        }
        using (var file = new FileStream(OnlyFile, FileMode.Open))
        {
            file.Seek(lostFrom + 40, SeekOrigin.Begin);
            file.Write("rust"u8);
        }
        using var second = Open();
        Assert.Equal([(session, "spool-unreadable")], ControlPlaneKey.Recover(second).Select(g => (g.Session, g.Kind)));
        var entries = SpoolTests.Drained(second, key)[session];
        Assert.DoesNotContain(entries, e => e.Text == "select 'lost'");
        Assert.Contains(entries, e => e.Text == "select 'kept'");
        Assert.Equal(["gap", "end"], entries.TakeLast(2).Select(e => e.Kind));
        Assert.Contains("are not what was written", entries[^2].Note, StringComparison.Ordinal);
        Assert.Equal([".gap", ".segments", ".transcript"], Directory.GetFiles(second.Quarantine.Folder).Select(Path.GetExtension).Order());
        FaultReport.Saw($"1 part of 3 damaged: 1 signed gap, {entries.Count} entries around it kept, 3 files put aside");
    }

    [Fact]
    public async Task What_is_read_while_its_session_writes_is_what_was_written()
    {
        using var spool = Open();
        var (recorder, file) = Begin(spool);
        var writing = Task.Run(() =>
        {
            for (var i = 0; i < 5_000; i++)
            {
                Say(recorder, $"select {i}");
            }
            recorder.End("closed", null, null);
        });
        var statements = 0;
        for (var over = false; !over;)
        {
            file.Seal("a", key);
            while (file.Oldest() is { } part)
            {
                var segment = file.Read(part, "a");
                Assert.Null(segment.WhyInvalid(key));
                statements += segment.Entries.Split("\"kind\":\"statement\"").Length - 1;
                over = part.Final;
                spool.Accept(file.Session, part.Number);
            }
        }
        await writing;
        Assert.Equal(5_000, statements);
    }

    [Fact]
    public void A_part_that_is_damaged_while_the_agent_runs_does_not_hold_up_the_rest_of_its_session()
    {
        using var spool = Open();
        var (recorder, file) = Begin(spool);
        Say(recorder, "select 'lost'");
        file.Seal("a", key);
        Say(recorder, "select 'kept'");
        file.Seal("a", key);
        using (var disk = new FileStream(file.Path, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite))
        {
            disk.Seek(500, SeekOrigin.Begin);
            disk.Write("rust"u8);
        }
        var part = file.Oldest()!;
        var damage = Assert.Throws<InvalidDataException>(() => file.Read(part, "a"));
        spool.Pass(file, part, new EvidenceGap(file.Session, "spool-unreadable", damage.Message));
        Assert.Contains("select 'kept'", file.Read(file.Oldest()!, "a").Entries, StringComparison.Ordinal);
        recorder.End("closed", null, null);
        Assert.NotEmpty(spool.Quarantine.Noted());
    }

    [Fact]
    public void The_control_plane_opens_a_key_for_the_agent_and_the_session_that_it_was_made_for_and_for_the_process_that_asks()
    {
        using var keys = new SigningKeys(state.File("keys"));
        using var controlPlane = ECDiffieHellman.Create();
        controlPlane.ImportSubjectPublicKeyInfo(Convert.FromBase64String(keys.EncryptionPublicKey), out _);
        using var reader = ECDiffieHellman.Create(ECCurve.NamedCurves.nistP256);
        using var stranger = ECDiffieHellman.Create(ECCurve.NamedCurves.nistP256);
        var (session, desk) = (Guid.CreateVersion7(), new AnswerSpoolKeys(keys, null!, null!));
        var wrapped = Sealed.Seal(controlPlane, "the key", SpoolKeyAsk.ContextOf("a", session));
        var ask = new SpoolKeyAsk(session, [wrapped, wrapped], Convert.ToBase64String(reader.ExportSubjectPublicKeyInfo()));

        var answer = desk.Answer("a", ask).Keys!;
        Assert.Equal("the key\nthe key", Sealed.Open(reader, answer, SpoolKeyAnswer.ContextOf("a", session)));
        Assert.Null(Sealed.Open(stranger, answer, SpoolKeyAnswer.ContextOf("a", session)));
        Assert.Null(desk.Answer("b", ask).Keys);
        Assert.Null(desk.Answer("a", ask with { Session = Guid.CreateVersion7() }).Keys);
        Assert.Null(desk.Answer("a", ask with { Wrapped = [wrapped, "AAAA.AAAA"] }).Keys);
        Assert.Throws<FormatException>(() => desk.Answer("a", ask with { Reader = "AAAA" }));
        Assert.Throws<FormatException>(() => desk.Answer("a", ask with { Wrapped = [] }));
    }
}

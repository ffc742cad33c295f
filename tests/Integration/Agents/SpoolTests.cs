using System.Security.Cryptography;
using System.Text.Json;
using AccessPlane.Agent.Recording;
using AccessPlane.Contracts;
using AccessPlane.Contracts.Identity;
using AccessPlane.Contracts.Policy;
using AccessPlane.Contracts.Sql;
using AccessPlane.Contracts.Transcripts;
using AccessPlane.Tests.Unit;
using Xunit;

namespace AccessPlane.Tests.Integration.Agents;

public sealed class SpoolTests : IDisposable
{
    internal static readonly Ruling Allowed = new(Effect.Allow, [new Reason("orders-read", Effect.Allow, "within the entitlement")], 3)
    {
        Context = new OperationContext("orders", Actor.System("test"), "orders-read", Scope.Any),
    };
    internal static readonly StatementFacts Select = new(["select"], 1);
    private readonly StateFolder state = new();
    private readonly ECDsa key = ECDsa.Create(ECCurve.NamedCurves.nistP256);

    public void Dispose()
    {
        key.Dispose();
        state.Dispose();
    }

    internal static SessionStart Start(Guid session, long number) => new(
        session, Guid.CreateVersion7(), "orders-read", "orders", "a", number,
        new Actor("https://idp", "engineer", "engineer", ActorKind.Person, [], new Dictionary<string, string>(), []), "orders", "127.0.0.1:5", "psql", "token", 3, "15.4");

    private Spool Open(SpoolLimits? limits = null, Func<long>? available = null) => new(state.Path, limits ?? SpoolLimits.Standard, ControlPlaneKey.Wrap, TimeProvider.System, available);

    internal static SessionRecorder Begin(Spool spool, out Guid session, Evidence evidence = Evidence.Buffered, Action<string>? broken = null)
    {
        var id = session = Guid.CreateVersion7();
        return spool.Begin(id, number => Start(id, number), evidence, broken ?? (why => Assert.Fail(why)));
    }

    private static long Say(SessionRecorder recorder, string text)
    {
        var op = recorder.Statement("simple", System.Text.Encoding.UTF8.GetBytes(text), default, Select, Allowed);
        recorder.Result(op, new OperationResult("completed", (byte)'I', 10, 1, 12, "SELECT 1"u8, default, default));
        return op;
    }

    /// <summary>Everything the spool has to send, checked as the control plane would, and accepted.</summary>
    private Dictionary<Guid, List<TranscriptEntry>> Drained(Spool spool) => Drained(spool, key);

    /// <param name="position">Where the log holds all of it; 0 where it does not say.</param>
    internal static Dictionary<Guid, List<TranscriptEntry>> Drained(Spool spool, ECDsa key, long position = 0)
    {
        spool.Tick();
        var entries = new Dictionary<Guid, List<TranscriptEntry>>();
        foreach (var file in spool.Files.ToList())
        {
            file.Seal("a", key);
            var (head, number) = file.Oldest() is { Number: > 1 } rest ? (rest.PreviousHead, rest.Number - 1) : (Convert.ToHexStringLower(HashChain.Begin(file.Session)), 0);
            while (file.Oldest() is { } part)
            {
                var segment = file.Read(part, "a");
                Assert.Null(segment.WhyInvalid(key));
                Assert.Equal((head, ++number), (segment.PreviousHead, segment.Number));
                head = segment.Head;
                entries.TryAdd(file.Session, []);
                entries[file.Session].AddRange(Segment.Lines(segment.Entries).Select(l => JsonSerializer.Deserialize<TranscriptEntry>(l, Json.Strict)!));
                spool.Accept(file.Session, part.Number, position);
            }
        }
        return entries;
    }

    [Fact]
    public void What_was_recorded_arrives_whole_in_order_and_signed_and_then_leaves_the_disk()
    {
        using var spool = Open();
        using (var recorder = Begin(spool, out var session))
        {
            Say(recorder, "select 1");
            recorder.Fact("freeze", "lease");
            Say(recorder, "select 2");
            recorder.End("revoked", TimeSpan.FromMilliseconds(12), null);
            var entries = Drained(spool)[session];
            Assert.Equal(["start", "scope", "facts", "statement", "result", "freeze", "statement", "result", "end"], entries.Select(e => e.Kind));
            Assert.Equal(Enumerable.Range(1, 9), entries.Select(e => (int)e.Seq));
            Assert.Equal(("revoked", 12000), (entries[^1].Cause, entries[^1].CutMicros));
        }
        Assert.Empty(Directory.EnumerateFiles(spool.Folder, "*-*"));
        Assert.Equal(0, spool.Bytes);
    }

    [Fact]
    public void Recording_a_statement_and_its_result_allocates_nothing_in_steady_state()
    {
        using var spool = Open();
        using var recorder = Begin(spool, out _);
        var text = "select id, name from customers where id = $1"u8.ToArray();
        byte[] values = [0, 0, 0, 1, (byte)'7'];
        void Many()
        {
            for (var i = 0; i < 10; i++)
            {
                Once(recorder, text, values);
            }
        }

        Allocated.InSteadyState(Many); // until buffers have grown
        spool.Files.Single().Seal("a", key); // so that no part becomes full while it is measured
        Assert.Equal(0, Allocated.InSteadyState(Many));
        recorder.End("closed", null, null);

        static void Once(SessionRecorder recorder, byte[] text, byte[] values)
        {
            var op = recorder.Statement("extended", text, new BoundParameters(1, [], values), Select, Allowed);
            recorder.Result(op, new OperationResult("completed", (byte)'I', 10, 1, 12, "SELECT 1"u8, default, default));
        }
    }

    [Fact]
    public void A_statement_is_on_disk_when_its_recording_returns()
    {
        using var spool = Open();
        using var recorder = Begin(spool, out _);
        recorder.Statement("simple", "select 'before the effect'"u8, default, Select, Allowed);
        Assert.Contains("before the effect", spool.Files.Single().Entries(), StringComparison.Ordinal);
        recorder.End("closed", null, null);
    }

    [Fact]
    public void A_session_whose_agent_died_gets_a_signed_end_that_says_so()
    {
        Guid session;
        using (var first = Open())
        {
            var recorder = Begin(first, out session);
            Say(recorder, "select 1");
            first.Tick();
            first.Files.Single().Seal("a", key);
            Say(recorder, "select 2");
            // no end: the process dies here
        }
        using var second = Open();
        Assert.Empty(ControlPlaneKey.Recover(second));
        var entries = Drained(second)[session];
        Assert.Equal(["start", "scope", "facts", "statement", "result", "statement", "result", "end"], entries.Select(e => e.Kind));
        Assert.Equal("lost", entries[^1].Cause);
    }

    [Fact]
    public void Numbers_and_signatures_of_sealed_parts_are_the_same_after_a_restart()
    {
        SealedPart before;
        using (var first = Open())
        {
            Say(Begin(first, out _), "select 1");
            first.Tick();
            first.Files.Single().Seal("a", key);
            before = first.Files.Single().Oldest()!;
        }
        using var second = Open();
        ControlPlaneKey.Recover(second);
        Assert.Equal(before, second.Files.Single().Oldest());
    }

    [Fact]
    public void An_accepted_part_is_neither_kept_nor_sent_again_after_a_restart()
    {
        Guid session;
        using (var first = Open())
        {
            var recorder = Begin(first, out session);
            Say(recorder, new string('x', 20_000));
            first.Tick();
            var file = first.Files.Single();
            file.Seal("a", key);
            var held = first.Bytes;
            first.Accept(session, 1);
            Assert.True(first.Bytes < held - 20_000);
            Say(recorder, "select 2");
        }
        using var second = Open();
        ControlPlaneKey.Recover(second);
        second.Tick();
        var again = second.Files.Single();
        again.Seal("a", key);
        Assert.Equal((2, true), (again.Oldest()!.Number, again.Oldest()!.Final));
        Assert.Null(again.Read(again.Oldest()!, "a").WhyInvalid(key));
    }

    [Fact]
    public void What_a_long_session_gave_back_is_given_back_once_over_restarts_too()
    {
        Guid session;
        using (var first = Open())
        {
            var recorder = Begin(first, out session);
            Say(recorder, new string('x', 200_000));
            first.Tick();
            first.Files.Single().Seal("a", key);
            first.Accept(session, 1);
            Say(recorder, new string('y', 50_000));
            first.Tick();
            Assert.InRange(first.Bytes, 50_000, 60_000);
        }
        using var second = Open();
        ControlPlaneKey.Recover(second);
        Assert.InRange(second.Bytes, 50_000, 60_000);
        Assert.Equal("lost", Drained(second)[session][^1].Cause);
        Assert.Equal(0, second.Bytes);
    }

    [Theory]
    [InlineData("{\"seq\":4,\"at\":\"20")]
    [InlineData("\0\0\0\0\0\0\0\0")]
    [InlineData("{\"seq\":9,\"kind\":\"statement\"}\n")]
    [InlineData("D\u0020\0\0\0half of a frame")]
    [InlineData("D\u0024\0\0\0a frame that nobody who had the key made")]
    public void A_torn_tail_is_dropped_noted_and_reported(string tail)
    {
        Guid session;
        using (var first = Open())
        {
            Say(Begin(first, out session), "select 1");
        }
        File.AppendAllText(Directory.GetFiles(state.File("spool"), "*.transcript").Single(), tail);
        using var second = Open();
        Assert.Equal([(session, "spool-torn")], ControlPlaneKey.Recover(second).Select(f => (f.Session, f.Kind)));
        var entries = Drained(second)[session];
        Assert.Equal(["start", "scope", "facts", "statement", "result", "gap", "end"], entries.Select(e => e.Kind));
        Assert.Contains(tail.Length.ToString(System.Globalization.CultureInfo.InvariantCulture), entries.Single(e => e.Kind == "gap").Note, StringComparison.Ordinal);
    }

    [Fact]
    public void A_transcript_that_was_tampered_with_is_put_aside_and_the_others_go_on()
    {
        Guid bad, good;
        using (var first = Open())
        {
            Say(Begin(first, out bad), "select 1");
            Say(Begin(first, out good), "select 2");
            first.Tick();
            first.Files.ToList().ForEach(f => f.Seal("a", key));
        }
        var path = Directory.GetFiles(state.File("spool"), $"*{bad}.transcript").Single();
        var bytes = File.ReadAllBytes(path);
        bytes[^20] ^= 1;
        File.WriteAllBytes(path, bytes);
        using var second = Open();
        var finding = Assert.Single(ControlPlaneKey.Recover(second));
        Assert.Equal((bad, "spool-unreadable"), (finding.Session, finding.Kind));
        Assert.Equal([good], Drained(second).Keys);
        Assert.Equal([".gap", ".segments", ".transcript"], Directory.GetFiles(second.Quarantine.Folder).Select(Path.GetExtension).Order());
    }

    [Fact]
    public void Sessions_are_numbered_without_holes_over_restarts()
    {
        var numbers = new List<long>();
        for (var run = 0; run < 3; run++)
        {
            using var spool = Open();
            ControlPlaneKey.Recover(spool);
            for (var i = 0; i < 2; i++)
            {
                using (Begin(spool, out var id))
                {
                    numbers.Add(spool.Files.Single(f => f.Session == id).SessionNumber);
                }
                if (run != 1)
                {
                    Drained(spool);
                }
            }
        }
        Assert.Equal([1, 2, 3, 4, 5, 6], numbers);
    }

    [Fact]
    public void A_full_spool_admits_nobody_then_freezes_then_ends_and_comes_back()
    {
        long available = 1_000_000;
        using var spool = Open(new SpoolLimits(100_000, 0.85, 0.95, TimeSpan.Zero), () => available);
        using var recorder = Begin(spool, out var session);
        Assert.True(spool.TakesSessions);
        Say(recorder, new string('x', 85_000));
        spool.Tick();
        Assert.Equal((false, false), (spool.TakesSessions, spool.Frozen));
        Say(recorder, new string('x', 10_000));
        spool.Tick();
        Assert.Equal((true, true), (spool.Frozen, spool.MustEnd));
        var file = spool.Files.Single();
        file.Seal("a", key);
        spool.Accept(session, 1);
        spool.Tick();
        Assert.Equal((true, false, false), (spool.TakesSessions, spool.Frozen, spool.MustEnd));
        recorder.End("closed", null, null);
    }
}

using System.Text;
using AccessPlane.Agent.Protocols.PostgreSql;
using AccessPlane.Agent.Relay;
using Xunit;
using static AccessPlane.Tests.Unit.Wire.Frames;

namespace AccessPlane.Tests.Unit.Wire;

/// <summary>The agent's login at a database, with a server that has its answer ready whenever it is asked.</summary>
public sealed class UpstreamLoginTests
{
    [Fact]
    public async Task The_work_that_a_server_asks_for_is_not_done_on_the_thread_that_heard_of_it()
    {
        using var wire = new ReadyServer();
        using var credential = new Laborious();
        using var proofs = new PgProofs();
        // nothing here ever waits for bytes: if the keys were made where the challenge was read, this would come back when they are
        var login = new PgUpstreamLogin(new PgChannel(wire), credential, isPrivate: false, proofs, TestContext.Current.CancellationToken).Run();
        Assert.False(login.IsCompleted);
        credential.Done.Set();
        await Assert.ThrowsAsync<IOException>(() => login); // the server gives no proof
        Assert.Equal(1, credential.Asked);
    }

    [Fact]
    public async Task However_many_log_in_at_once_a_server_has_one_of_them_work_at_a_time_and_no_thread_of_others()
    {
        using var credential = new Laborious();
        using var proofs = new PgProofs();
        var wires = Enumerable.Range(0, 5).Select(_ => new ReadyServer()).ToList();
        var logins = wires.ConvertAll(wire => new PgUpstreamLogin(new PgChannel(wire), credential, isPrivate: false, proofs, TestContext.Current.CancellationToken).Run());
        credential.Done.Set();
        foreach (var login in logins)
        {
            await Assert.ThrowsAsync<IOException>(() => login);
        }
        wires.ForEach(wire => wire.Dispose());
        Assert.Equal((5, 1, false), (credential.Asked, credential.Most, credential.TookAThreadOfOthers));
    }

    private sealed class Laborious() : PgCredential("agent"), IDisposable
    {
        public ManualResetEventSlim Done { get; } = new();
        private int asked;
        private int at;

        public int Asked => Volatile.Read(ref asked);

        /// <summary>How many at once.</summary>
        public int Most { get; private set; }
        public bool TookAThreadOfOthers { get; private set; }

        public override string Password() => "";

        public override ScramKeys Keys(byte[] salt, int iterations)
        {
            Most = Math.Max(Most, Interlocked.Increment(ref at));
            TookAThreadOfOthers |= Thread.CurrentThread.IsThreadPoolThread;
            Assert.True(Done.Wait(TimeSpan.FromSeconds(10), TestContext.Current.CancellationToken), "somebody waits for it");
            Interlocked.Increment(ref asked);
            Interlocked.Decrement(ref at);
            return new ScramKeys(new byte[32], new byte[32]);
        }

        public void Dispose() => Done.Dispose();
    }

    /// <summary>Asks for SCRAM, and says whatever the client wants to hear next.</summary>
    private sealed class ReadyServer : AccessPlane.Agent.Relay.Wire
    {
        private readonly Queue<byte> said = new(Answer('R', [0, 0, 0, 10, .. Text("SCRAM-SHA-256"), 0]));

        public override Wiring Wiring => SocketWiring.Instance;
        public override bool WaitsWithoutBuffer => false;
        public override bool HasBytes => said.Count > 0;
        public override Presence Presence => Presence.Here;

        public override ValueTask<int> Peek(Memory<byte> into, CancellationToken cancel) => throw new NotSupportedException();

        public override void Reset()
        {
        }

        public override void EndSending()
        {
        }

        public override void Close()
        {
        }

        public override ValueTask Readable() => default;

        public override ValueTask<int> Receive(Memory<byte> into)
        {
            var n = Math.Min(into.Length, said.Count);
            for (var i = 0; i < n; i++)
            {
                into.Span[i] = said.Dequeue();
            }
            return ValueTask.FromResult(n);
        }

        public override int TryReceive(Span<byte> into) => 0;

        public override ValueTask Send(ReadOnlyMemory<byte> bytes)
        {
            var text = Encoding.ASCII.GetString(bytes.Span);
            var at = text.IndexOf("n=,r=", StringComparison.Ordinal);
            foreach (var b in at > 0 ? Answer('R', [0, 0, 0, 11, .. Encoding.ASCII.GetBytes($"r={text[(at + 5)..]}more,s=AAAA,i=100000")]) : Answer('R', [0, 0, 0, 12, .. "v=AAAA"u8]))
            {
                said.Enqueue(b);
            }
            return default;
        }
    }

    /// <summary>A database that was taken over asks for as much as it may, again and again: what sessions need of the processor goes before.</summary>
    [Theory]
    [InlineData(4096, false)]
    [InlineData(ScramClient.MostIterations, true)]
    public async Task Of_the_processor_an_unusual_proof_gets_what_nobody_else_wants(int iterations, bool givesWay)
    {
        var (before, during) = (Niceness(), -1);
        using var proofs = new PgProofs();
        var scram = new ScramClient(null, false, "abc", (salt, _) =>
        {
            during = Niceness();
            return ScramKeys.Derive("secret", salt, ScramClient.FewestIterations);
        });
        Assert.NotNull(await proofs.Final(scram, $"r=abcdef,s=c2FsdA==,i={iterations}", TestContext.Current.CancellationToken));
        Assert.Equal(givesWay ? 19 : before, during);
    }

    /// <summary>A thread that steps back makes those that it starts step back too: one of those that all sessions share would have stayed there.</summary>
    [Fact]
    public async Task No_thread_that_sessions_share_steps_back_with_an_unusual_proof()
    {
        using var proofs = new PgProofs();
        await Task.WhenAll(Enumerable.Range(0, 20).Select(async _ =>
        {
            var scram = new ScramClient(null, false, "abc", (salt, _) => ScramKeys.Derive("secret", salt, ScramClient.FewestIterations));
            await proofs.Final(scram, $"r=abcdef,s=c2FsdA==,i={ScramClient.MostIterations}", TestContext.Current.CancellationToken);
        }));
        var usual = Niceness("/proc/self");
        Assert.All(Directory.EnumerateDirectories("/proc/self/task"), thread => Assert.Equal(usual, NicenessOfShared(thread) ?? usual));
    }

    /// <summary>How far a thread of the pool has stepped back; null for every other one.</summary>
    private static int? NicenessOfShared(string thread)
    {
        try
        {
            return File.ReadAllText($"{thread}/comm").StartsWith(".NET TP", StringComparison.Ordinal) ? Niceness(thread) : null;
        }
        catch (IOException)
        {
            return null; // it has ended
        }
    }

    /// <summary>The 19th field, where the second may hold blanks.</summary>
    private static int Niceness(string thread = "/proc/thread-self")
    {
        var stat = File.ReadAllText($"{thread}/stat");
        return int.Parse(stat[(stat.LastIndexOf(')') + 2)..].Split(' ')[16], System.Globalization.CultureInfo.InvariantCulture);
    }
}

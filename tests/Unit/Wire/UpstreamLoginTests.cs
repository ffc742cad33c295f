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
        // nothing here ever waits for bytes: if the keys were made where the challenge was read, this would come back when they are
        var login = new PgUpstreamLogin(new PgChannel(wire), credential, isPrivate: false).Run();
        Assert.False(login.IsCompleted);
        credential.Done.Set();
        await Assert.ThrowsAsync<IOException>(() => login); // the server gives no proof
        Assert.True(credential.WasAsked);
    }

    private sealed class Laborious() : PgCredential("agent"), IDisposable
    {
        public ManualResetEventSlim Done { get; } = new();
        public bool WasAsked { get; private set; }

        public override string Password() => "";

        public override ScramKeys Keys(byte[] salt, int iterations)
        {
            Assert.True(Done.Wait(TimeSpan.FromSeconds(10), TestContext.Current.CancellationToken), "somebody waits for it");
            WasAsked = true;
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
}

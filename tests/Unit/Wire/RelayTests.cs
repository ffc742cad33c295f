using AccessPlane.Agent.Relay;
using Xunit;

namespace AccessPlane.Tests.Unit.Wire;

/// <summary>A relay between two sides that are always ready: whoever has much to say does not keep a thread that others need.</summary>
public sealed class RelayTests
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_server_that_never_stops_speaking_gives_the_thread_back_that_heard_of_it(bool isCut)
    {
        using var client = new Side(0);
        using var server = new Side(1000);
        using var relay = new Relay(client, server, new Everything());
        if (isCut)
        {
            relay.Cut(); // what it still says is read and dropped
        }
        Task<RelayEnd>? running = null;
        await Task.Run(() => { running = relay.Run(); }).WaitAsync(TimeSpan.FromSeconds(10), TestContext.Current.CancellationToken);
        for (var i = 0; i < 3; i++)
        {
            var before = isCut ? server.Said : client.Heard;
            while ((isCut ? server.Said : client.Heard) <= before)
            {
                await Task.Delay(1, TestContext.Current.CancellationToken); // and goes on
            }
        }
        relay.Cut();
        server.IsOver = true;
        client.Leave();
        Assert.Equal(RelayEnd.Cut, await running!.WaitAsync(TimeSpan.FromSeconds(10), TestContext.Current.CancellationToken));
        await relay.Stopped.WaitAsync(TimeSpan.FromSeconds(10), TestContext.Current.CancellationToken);
    }

    [Fact]
    public async Task A_send_that_is_under_way_when_the_cut_is_made_is_the_last_and_the_client_is_free_behind_it()
    {
        var send = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        using var client = new Side(0) { Sending = send.Task };
        using var server = new Side(1) { SaysOnce = true };
        using var relay = new Relay(client, server, new Everything());
        var running = relay.Run();
        Assert.True(relay.ClientIsBlocked);
        relay.Cut();
        var free = relay.ClientFree;
        Assert.False(free.IsCompleted);
        send.SetResult();
        await free.WaitAsync(TimeSpan.FromSeconds(10), TestContext.Current.CancellationToken);
        client.Leave();
        server.Leave();
        Assert.Equal(RelayEnd.Cut, await running.WaitAsync(TimeSpan.FromSeconds(10), TestContext.Current.CancellationToken));
    }

    /// <param name="ready">Bytes that it has whenever it is asked; with none it says nothing until it leaves.</param>
    private sealed class Side(int ready) : AccessPlane.Agent.Relay.Wire
    {
        private readonly TaskCompletionSource<int> leaves = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private long heard;
        private long said;

        public long Heard => Interlocked.Read(ref heard);
        public long Said => Interlocked.Read(ref said);
        public bool IsOver { get; set; }
        public bool SaysOnce { get; init; }
        public Task Sending { get; init; } = Task.CompletedTask;
        public override bool WaitsWithoutBuffer => false;

        public void Leave() => leaves.SetResult(0);

        public override Wiring Wiring => SocketWiring.Instance;
        public override bool HasBytes => ready > 0;
        public override Presence Presence => Presence.Here;
        public override ValueTask Readable() => default;
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

        public override ValueTask<int> Receive(Memory<byte> into)
        {
            if (ready == 0 || (SaysOnce && Said > 0))
            {
                return new ValueTask<int>(leaves.Task);
            }
            Interlocked.Add(ref said, ready);
            return ValueTask.FromResult(IsOver ? 0 : Math.Min(ready, into.Length));
        }

        public override int TryReceive(Span<byte> into) => 0;

        public override ValueTask Send(ReadOnlyMemory<byte> bytes)
        {
            Interlocked.Add(ref heard, bytes.Length);
            return new ValueTask(Sending);
        }
    }

    /// <summary>Everything passes.</summary>
    private sealed class Everything : Conversation
    {
        public override bool MayForward => true;
        public override ValueTask<bool> Thawed() => new(true);
        public override ValueTask<bool> Kept() => new(true);
        public override Verdict FromClient(ReadOnlySpan<byte> pending) => Pass(pending);
        public override Verdict FromServer(ReadOnlySpan<byte> pending) => Pass(pending);
        public override ValueTask Prepare(ReadOnlyMemory<byte> pending) => default;
        public override Verdict ClientEnded() => Verdict.Kill;
        public override bool MayGoOn => true;
        public override bool IsParked => false;
        public override bool SaysGoodbye(ReadOnlySpan<byte> pending) => false;
        public override void LeftWhileParked() => throw new InvalidOperationException("nothing was parked");
        public override bool ClientIsBetweenMessages => true;
        public override bool IsQuiet => false;
        public override void Delivered() { }
        public override ReadOnlyMemory<byte> TakeReply() => default;
        public override int Drained(ReadOnlySpan<byte> pending) => pending.Length;

        private static Verdict Pass(ReadOnlySpan<byte> pending) => pending.IsEmpty ? Verdict.More(1) : Verdict.Forward(pending.Length);
    }
}

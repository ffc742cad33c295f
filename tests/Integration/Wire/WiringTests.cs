using System.Net;
using System.Net.Sockets;
using AccessPlane.Agent.Relay;
using Xunit;

namespace AccessPlane.Tests.Integration.Wire;

/// <summary>Wires of either kind behave alike: a session cannot tell which kind it runs on.</summary>
public sealed class WiringTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(90);
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("ring")]
    [InlineData("sockets")]
    public async Task What_is_sent_arrives_in_order_however_slowly_it_is_read(string kind)
    {
        using var pair = await Pair.Make(kind);
        var bytes = new byte[20 << 20];
        for (var i = 0; i < bytes.Length; i++)
        {
            bytes[i] = (byte)(i * 31 >> 3);
        }
        var sending = Task.Run(() => pair.Near.Send(bytes).AsTask(), Cancel);
        var got = new byte[bytes.Length];
        for (var read = 0; read < got.Length;)
        {
            var part = await pair.Far.Receive(got.AsMemory(read, Math.Min(1 + (read % 70_000), got.Length - read))).AsTask().WaitAsync(Patience, Cancel);
            Assert.NotEqual(0, part);
            read += part;
        }
        await sending.WaitAsync(Patience, Cancel);
        Assert.True(bytes.AsSpan().SequenceEqual(got));
    }

    [Theory]
    [InlineData("ring")]
    [InlineData("sockets")]
    public async Task Small_messages_go_back_and_forth_at_the_same_time_on_many_wires(string kind)
    {
        await Task.WhenAll(Enumerable.Range(0, 50).Select(async n =>
        {
            using var pair = await Pair.Make(kind);
            var (there, back) = (new byte[8], new byte[8]);
            for (var i = 0; i < 100; i++)
            {
                BitConverter.TryWriteBytes(there, (n * 1000L) + i);
                await pair.Near.Send(there);
                Assert.Equal(8, await pair.Far.Receive(back));
                await pair.Far.Send(back);
                Assert.Equal(8, await pair.Near.Receive(back));
                Assert.Equal(there, back);
            }
        })).WaitAsync(Patience, Cancel);
    }

    [Theory]
    [InlineData("ring")]
    [InlineData("sockets")]
    public async Task An_end_and_a_reset_are_told_apart(string kind)
    {
        using var ended = await Pair.Make(kind);
        var waiting = ended.Far.Receive(new byte[1]).AsTask();
        ended.Near.EndSending();
        Assert.Equal(0, await waiting.WaitAsync(Patience, Cancel));
        await ended.Far.Send(new byte[] { 7 }); // the other direction is still open
        Assert.Equal(1, await ended.Near.Receive(new byte[1]).AsTask().WaitAsync(Patience, Cancel));

        using var reset = await Pair.Make(kind);
        waiting = reset.Far.Receive(new byte[1]).AsTask();
        reset.Near.Reset();
        var gone = await Assert.ThrowsAsync<SocketException>(() => waiting.WaitAsync(Patience, Cancel));
        Assert.Equal(SocketError.ConnectionReset, gone.SocketErrorCode);
    }

    [Theory]
    [InlineData("ring")]
    [InlineData("sockets")]
    public async Task Who_waits_on_a_wire_that_is_closed_or_reset_hears_of_it(string kind)
    {
        foreach (var end in new Action<AccessPlane.Agent.Relay.Wire>[] { w => w.Close(), w => w.Reset(), w => w.Dispose() })
        {
            using var pair = await Pair.Make(kind);
            var receiving = pair.Near.Receive(new byte[1]).AsTask();
            var sending = pair.Near.Send(new byte[32 << 20]).AsTask(); // more than anybody takes unread
            end(pair.Near);
            await Assert.ThrowsAnyAsync<Exception>(() => receiving.WaitAsync(Patience, Cancel));
            await Assert.ThrowsAnyAsync<Exception>(() => sending.WaitAsync(Patience, Cancel));
            Assert.True(receiving.Exception!.InnerException is SocketException or ObjectDisposedException);
            Assert.True(sending.Exception!.InnerException is SocketException or ObjectDisposedException);
            await Assert.ThrowsAsync<ObjectDisposedException>(async () => await pair.Near.Receive(new byte[1]));
            end(pair.Near); // again does nothing
        }
    }

    [Theory]
    [InlineData("ring")]
    [InlineData("sockets")]
    public async Task A_look_takes_nothing_and_can_be_given_up(string kind)
    {
        using var pair = await Pair.Make(kind);
        using var enough = new CancellationTokenSource();
        var looking = pair.Far.Peek(new byte[1], enough.Token).AsTask();
        await enough.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => looking.WaitAsync(Patience, Cancel));
        Assert.False(pair.Far.HasBytes);
        await pair.Near.Send("ab"u8.ToArray());
        var seen = new byte[1];
        Assert.Equal(1, await pair.Far.Peek(seen, CancellationToken.None).AsTask().WaitAsync(Patience, Cancel));
        Assert.True(pair.Far.HasBytes);
        var got = new byte[4];
        Assert.Equal(2, await pair.Far.Receive(got).AsTask().WaitAsync(Patience, Cancel));
        Assert.Equal("a"u8[0], seen[0]);
        Assert.Equal("ab"u8.ToArray(), got[..2]);
        Assert.Equal(0, pair.Far.TryReceive(got));
    }

    [Theory]
    [InlineData("ring")]
    [InlineData("sockets")]
    public async Task An_empty_receive_waits_for_bytes_and_takes_none(string kind)
    {
        using var pair = await Pair.Make(kind);
        var waiting = pair.Far.Receive(Memory<byte>.Empty).AsTask();
        Assert.False(waiting.IsCompleted);
        await pair.Near.Send(new byte[] { 1, 2, 3 });
        Assert.Equal(0, await waiting.WaitAsync(Patience, Cancel));
        Assert.Equal(3, await pair.Far.Receive(new byte[8]).AsTask().WaitAsync(Patience, Cancel));
    }

    [Theory]
    [InlineData("ring")]
    [InlineData("sockets")]
    public async Task Where_nobody_listens_there_is_no_connection_and_who_gives_up_has_none(string kind)
    {
        var wiring = Of(kind);
        var free = new TcpListener(IPAddress.Loopback, 0);
        free.Start();
        var address = (IPEndPoint)free.LocalEndpoint;
        free.Dispose();
        await Assert.ThrowsAsync<SocketException>(() => wiring.Connect(address, Cancel));
        using var given = new CancellationTokenSource();
        await given.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => wiring.Connect(address, given.Token));
        await Assert.ThrowsAsync<SocketException>(() => wiring.Connect(new UnixDomainSocketEndPoint("/nowhere/at-all"), Cancel));
    }

    /// <summary>A login that waits looks at its client from one thread, and its upstream is ready on the ring's: the look was given up before the ring knew of it, and never ended.</summary>
    [Fact]
    public async Task A_look_that_is_given_up_on_the_rings_thread_before_the_ring_has_heard_of_it_is_given_up()
    {
        using var client = await Pair.Make("ring");
        using var enough = new CancellationTokenSource();
        var looking = await OnTheRing(() =>
        {
            using var looks = new ManualResetEventSlim();
            var look = Task.Run(
                () =>
                {
                    var begun = client.Far.Peek(new byte[1], enough.Token).AsTask();
                    looks.Set();
                    return begun;
                },
                Cancel);
            looks.Wait(Cancel);
            enough.Cancel();
            return look;
        });
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => looking.WaitAsync(Patience, Cancel));
    }

    [Fact]
    public async Task Wires_that_come_and_go_leave_no_descriptor_behind()
    {
        await Come(10);
        var before = Directory.GetFiles("/proc/self/fd").Length;
        await Come(200);
        // others of this process open and close descriptors meanwhile: two hundred of ours would stand out
        Assert.InRange(Directory.GetFiles("/proc/self/fd").Length, 0, before + 100);

        static async Task Come(int times)
        {
            for (var i = 0; i < times; i++)
            {
                using var pair = await Pair.Make("ring");
                var waiting = pair.Near.Receive(new byte[1]).AsTask();
                pair.Near.Close();
                await Assert.ThrowsAnyAsync<Exception>(() => waiting.WaitAsync(Patience, Cancel));
            }
        }
    }

    [Theory]
    [InlineData("ring")]
    [InlineData("sockets")]
    public async Task A_peer_that_says_nothing_is_asked_whether_it_is_there_still(string kind)
    {
        using var pair = await Pair.Make(kind);
        // of both ends: local and remote address, and which timer runs: 02 is the one of keep-alives, in hundredths of a second
        var timers = (await File.ReadAllLinesAsync("/proc/net/tcp", Cancel)).Select(l => l.Split(' ', StringSplitOptions.RemoveEmptyEntries))
            .Where(f => f[1].EndsWith($":{pair.Port:X4}", StringComparison.Ordinal) || f[2].EndsWith($":{pair.Port:X4}", StringComparison.Ordinal))
            .Where(f => f[3] == "01").Select(f => f[5].Split(':')).ToList();
        Assert.Equal(["02", "02"], timers.Select(t => t[0]));
        Assert.All(timers, t => Assert.InRange(Convert.ToInt64(t[1], 16), 1, 3_000));
    }

    /// <summary>Does it where whoever waited for a wire goes on: on the ring's own thread.</summary>
    private static async Task<T> OnTheRing<T>(Func<T> what)
    {
        while (true)
        {
            using var pair = await Pair.Make("ring");
            var there = Task.Run(
                async () =>
                {
                    await pair.Far.Receive(new byte[1]);
                    return Thread.CurrentThread.Name?.StartsWith("ring", StringComparison.Ordinal) == true ? [what()] : Array.Empty<T>();
                },
                Cancel);
            await Task.Run(() => pair.Near.Send(new byte[1]).AsTask(), Cancel);
            if (await there.WaitAsync(Patience, Cancel) is [var done])
            {
                return done;
            }
        }
    }

    private static Wiring Of(string kind)
    {
        if (kind == "sockets")
        {
            return SocketWiring.Instance;
        }
        Assert.SkipWhen(Ring.Next() is null, "this kernel has no io_uring, or allows none");
        return Ring.Next()!;
    }

    /// <param name="Port">Where the far end was listened for.</param>
    private sealed record Pair(AccessPlane.Agent.Relay.Wire Near, AccessPlane.Agent.Relay.Wire Far, int Port) : IDisposable
    {
        public static async Task<Pair> Make(string kind)
        {
            var wiring = Of(kind);
            using var listener = new TcpListener(IPAddress.Loopback, 0);
            listener.Start();
            var connecting = wiring.Connect(listener.LocalEndpoint, Cancel);
            var accepted = await listener.AcceptSocketAsync(Cancel);
            return new Pair(await connecting, wiring.Adopt(accepted), ((IPEndPoint)listener.LocalEndpoint).Port);
        }

        public void Dispose()
        {
            Near.Dispose();
            Far.Dispose();
        }
    }
}

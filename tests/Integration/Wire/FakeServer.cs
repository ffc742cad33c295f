using System.Buffers.Binary;
using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using AccessPlane.Agent.Protocols.PostgreSql;
using AccessPlane.Tests.Unit.Wire;

namespace AccessPlane.Tests.Integration.Wire;

/// <summary>What stands where the database should be, and says whatever a test wants. Without orders it lets everybody in, and does nothing.</summary>
internal sealed class FakeServer : IAsyncDisposable
{
    private readonly TcpListener listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource stopping = new();
    private readonly TaskCompletionSource letCancelsGo = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly ConcurrentBag<Task> serving = [];
    private int cancels;

    public FakeServer()
    {
        listener.Start();
        serving.Add(Accept());
    }

    public int Port => ((IPEndPoint)listener.LocalEndpoint).Port;

    /// <summary>CancelRequests that came.</summary>
    public int Cancels => Volatile.Read(ref cancels);

    /// <summary>Whether a CancelRequest's connection stays open until <see cref="LetCancelsGo"/>.</summary>
    public bool KeepsCancels { get; init; }

    /// <summary>Types of the messages that came.</summary>
    public ConcurrentQueue<char> Asked { get; } = [];

    /// <summary>What it says to a startup packet.</summary>
    public Func<Stream, Task> Login { get; init; } = async to => await to.WriteAsync(Welcome);

    /// <summary>What it says to a Query.</summary>
    public Func<string, byte[]> Answer { get; init; } = sql =>
        sql.Length == 0 ? [.. Frames.Answer('I'), .. Frames.Ready('I')] : sql.Contains("sleep", StringComparison.Ordinal) ? [] : [.. Frames.Complete("SELECT 0"), .. Frames.Ready('I')];

    /// <summary>What it says to a Query where that has no end, or is not the whole of it; in the place of <see cref="Answer"/>.</summary>
    public Func<string, Stream, Task>? Speak { get; init; }

    /// <summary>What it says to the agent, which asks on every session's connection since when it is there.</summary>
    public Func<Stream, Task> Since { get; init; } = async to => await to.WriteAsync((byte[])[.. Frames.Complete("SELECT 0"), .. Frames.Ready('I')]);

    public static byte[] Welcome => [.. Ok, .. Frames.Answer('K', 0, 0, 0, 7, 0, 0, 0, 9), .. Frames.Ready('I')];

    public static byte[] Ok => Frames.Answer('R', 0, 0, 0, 0);

    public void LetCancelsGo() => letCancelsGo.SetResult();

    private async Task Accept()
    {
        while (!stopping.IsCancellationRequested)
        {
            try
            {
                var client = await listener.AcceptTcpClientAsync(stopping.Token);
                serving.Add(Serve(client));
            }
            catch (Exception over) when (over is OperationCanceledException or SocketException or ObjectDisposedException)
            {
                return;
            }
        }
    }

    private async Task Serve(TcpClient client)
    {
        using (client)
        {
            try
            {
                await Serve(client.GetStream());
            }
            catch (Exception gone) when (gone is IOException or OperationCanceledException or ObjectDisposedException)
            {
                return; // the agent hung up, which is what it should do
            }
        }
    }

    private async Task Serve(Stream stream)
    {
        var head = new byte[8];
        await stream.ReadExactlyAsync(head, stopping.Token);
        var rest = new byte[BinaryPrimitives.ReadInt32BigEndian(head) - 8];
        await stream.ReadExactlyAsync(rest, stopping.Token);
        if (BinaryPrimitives.ReadInt32BigEndian(head.AsSpan(4)) == PgStartup.Cancel)
        {
            Interlocked.Increment(ref cancels);
            await (KeepsCancels ? letCancelsGo.Task : Task.CompletedTask);
            return;
        }
        if (System.Text.Encoding.UTF8.GetString(rest).Contains("application_name\0accessplane\0", StringComparison.Ordinal))
        {
            await PassOn(stream, [.. head, .. rest]);
            return;
        }
        await Login(stream);
        while (await Read(stream) is var (type, body))
        {
            if (type == 'Q' && RawClient.Text(body).Contains("backend_start", StringComparison.Ordinal))
            {
                await Since(stream);
                continue;
            }
            Asked.Enqueue(type);
            if (type == 'Q')
            {
                await (Speak?.Invoke(RawClient.Text(body), stream) ?? stream.WriteAsync(Answer(RawClient.Text(body)), stopping.Token).AsTask());
            }
        }
    }

    /// <summary>The agent's own connection, on which it reads the catalog, has the real server behind it.</summary>
    private async Task PassOn(Stream stream, byte[] startup)
    {
        var real = new Npgsql.NpgsqlConnectionStringBuilder(Servers.Need("ACCESSPLANE_TEST_ORDERS"));
        using var server = new TcpClient(real.Host!, real.Port);
        var to = server.GetStream();
        await to.WriteAsync(startup, stopping.Token);
        await Task.WhenAny(stream.CopyToAsync(to, stopping.Token), to.CopyToAsync(stream, stopping.Token));
    }

    /// <summary>The next message; null for the farewell.</summary>
    public async Task<(char Type, byte[] Body)?> Read(Stream stream)
    {
        var header = new byte[PgFrame.Header];
        await stream.ReadExactlyAsync(header, stopping.Token);
        var body = new byte[PgFrame.LengthAt(header) - 4];
        await stream.ReadExactlyAsync(body, stopping.Token);
        return header[0] == 'X' ? null : ((char)header[0], body);
    }

    public async ValueTask DisposeAsync()
    {
        await stopping.CancelAsync();
        letCancelsGo.TrySetResult();
        listener.Stop();
        await Task.WhenAll(serving);
        listener.Dispose();
        stopping.Dispose();
    }
}

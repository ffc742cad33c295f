using System.Buffers.Binary;
using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Text;
using AccessPlane.Agent.Protocols.PostgreSql;

namespace AccessPlane.Tests.Integration.Wire;

/// <summary>
/// An address in front of a server that notes what an agent does to end a session, in order. What becomes of the session's connection here, the server does not hear:
/// it stays open there, so that nothing ends the backend by itself.
/// </summary>
internal sealed class EndWatch : IAsyncDisposable
{
    private readonly TcpListener listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource stopping = new();
    private readonly ConcurrentBag<Task> carrying = [];
    private readonly int to;

    public EndWatch(int to)
    {
        this.to = to;
        listener.Start();
        carrying.Add(Accept());
    }

    public int Port => ((IPEndPoint)listener.LocalEndpoint).Port;

    /// <summary>`cancel`: a CancelRequest; `reset` or `closed`: how a session's connection ended; `terminate`: the agent's own order to end a backend.</summary>
    public ConcurrentQueue<string> Noted { get; } = [];

    /// <summary>Whether the server hears of CancelRequests; otherwise they are taken, and nothing comes of them.</summary>
    public bool PassesCancels { get; set; }

    public async ValueTask DisposeAsync()
    {
        await stopping.CancelAsync();
        listener.Stop();
        await Task.WhenAll(carrying);
        listener.Dispose();
        stopping.Dispose();
    }

    private async Task Accept()
    {
        while (!stopping.IsCancellationRequested)
        {
            try
            {
                carrying.Add(Carry(await listener.AcceptTcpClientAsync(stopping.Token)));
            }
            catch (Exception over) when (over is OperationCanceledException or SocketException or ObjectDisposedException)
            {
                return;
            }
        }
    }

    private async Task Carry(TcpClient client)
    {
        using (client)
        using (var server = new TcpClient())
        {
            try
            {
                await server.ConnectAsync(IPAddress.Loopback, to, stopping.Token);
                await Carry(client.GetStream(), server.GetStream());
            }
            catch (Exception gone) when (gone is IOException or SocketException or ObjectDisposedException or OperationCanceledException)
            {
                return; // one of the two hung up, or the test is over
            }
        }
    }

    private async Task Carry(NetworkStream agent, NetworkStream server)
    {
        var length = new byte[4];
        await agent.ReadExactlyAsync(length, stopping.Token);
        var rest = new byte[BinaryPrimitives.ReadInt32BigEndian(length) - length.Length];
        await agent.ReadExactlyAsync(rest, stopping.Token);
        if (BinaryPrimitives.ReadInt32BigEndian(rest) == PgStartup.Cancel)
        {
            Noted.Enqueue("cancel");
            if (PassesCancels)
            {
                await server.WriteAsync((byte[])[.. length, .. rest], stopping.Token);
                await server.CopyToAsync(Stream.Null, stopping.Token); // it closes when the signal is sent
            }
            return;
        }
        await server.WriteAsync((byte[])[.. length, .. rest], stopping.Token);
        var answers = Back(server, agent);
        var isReset = await There(agent, server);
        if (!Encoding.UTF8.GetString(rest).Contains("application_name\0accessplane\0", StringComparison.Ordinal))
        {
            Noted.Enqueue(isReset ? "reset" : "closed");
            await Task.Delay(Timeout.InfiniteTimeSpan, stopping.Token);
        }
        server.Close();
        await answers;
    }

    /// <returns>Whether the agent's side ended with a reset.</returns>
    private async Task<bool> There(NetworkStream from, NetworkStream to)
    {
        var header = new byte[PgFrame.Header];
        try
        {
            while (true)
            {
                await from.ReadExactlyAsync(header, stopping.Token);
                var body = new byte[PgFrame.LengthAt(header) - 4];
                await from.ReadExactlyAsync(body, stopping.Token);
                if (Encoding.UTF8.GetString(body).Contains("pg_terminate_backend", StringComparison.Ordinal))
                {
                    Noted.Enqueue("terminate");
                }
                await to.WriteAsync((byte[])[.. header, .. body], stopping.Token);
            }
        }
        catch (IOException over)
        {
            return over.InnerException is SocketException { SocketErrorCode: SocketError.ConnectionReset };
        }
    }

    private async Task Back(NetworkStream from, NetworkStream to)
    {
        try
        {
            await from.CopyToAsync(to, stopping.Token);
        }
        catch (Exception gone) when (gone is IOException or SocketException or ObjectDisposedException or OperationCanceledException)
        {
            return; // the agent listens no longer
        }
    }
}

using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;

namespace AccessPlane.Tests.Integration.Wire;

/// <summary>An address that leads to a server of this machine: whoever builds on it says what becomes of a connection on the way.</summary>
internal abstract class Passage : IAsyncDisposable
{
    private readonly TcpListener listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource stopping = new();
    private readonly ConcurrentBag<Task> carrying = [];
    private volatile int to;
    private int taken;

    protected Passage(int to)
    {
        this.to = to;
        listener.Start();
        carrying.Add(Accept());
    }

    public int Port => ((IPEndPoint)listener.LocalEndpoint).Port;

    /// <summary>Connections since the beginning.</summary>
    public int Taken => Volatile.Read(ref taken);

    protected CancellationToken Stopping => stopping.Token;

    /// <summary>Where what comes from now on is carried.</summary>
    public void LeadsTo(int port) => to = port;

    public async ValueTask DisposeAsync()
    {
        await stopping.CancelAsync();
        listener.Stop();
        await Task.WhenAll(carrying);
        listener.Dispose();
        stopping.Dispose();
    }

    /// <summary>Both are closed when this is over. That one of the two hung up is its end as any other.</summary>
    protected abstract Task Carry(TcpClient client, TcpClient server);

    private async Task Accept()
    {
        while (!stopping.IsCancellationRequested)
        {
            try
            {
                carrying.Add(Carry(await listener.AcceptTcpClientAsync(Stopping)));
                Interlocked.Increment(ref taken);
            }
            catch (Exception over) when (IsOver(over))
            {
                return;
            }
        }
    }

    private async Task Carry(TcpClient client)
    {
        using (client)
        using (var server = new TcpClient { NoDelay = true })
        {
            client.NoDelay = true;
            try
            {
                await server.ConnectAsync(IPAddress.Loopback, to, Stopping);
                await Carry(client, server);
            }
            catch (Exception over) when (over is IOException || IsOver(over))
            {
                return; // one of the two hung up, or the test is over
            }
        }
    }

    private static bool IsOver(Exception over) => over is OperationCanceledException or SocketException or ObjectDisposedException;
}

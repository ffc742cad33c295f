using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;

namespace AccessPlane.Tests.Integration.Wire;

/// <summary>An address that leads to one server, and from some moment on to another one; what is open stays where it is, as behind a name or an address that moves.</summary>
internal sealed class Detour : IAsyncDisposable
{
    private readonly TcpListener listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource stopping = new();
    private readonly ConcurrentBag<Task> carrying = [];

    /// <summary>What is open, and whether answers go back on it.</summary>
    private readonly ConcurrentDictionary<TcpClient, bool> open = [];
    private volatile int to;
    private int taken;

    public Detour(int to)
    {
        this.to = to;
        listener.Start();
        carrying.Add(Accept());
    }

    public int Port => ((IPEndPoint)listener.LocalEndpoint).Port;

    /// <summary>Connections since the beginning.</summary>
    public int Taken => Volatile.Read(ref taken);

    public void LeadsTo(int port) => to = port;

    /// <summary>What is open ends; what comes is carried again.</summary>
    public void HangUp()
    {
        foreach (var client in open.Keys)
        {
            client.Close();
        }
    }

    /// <summary>What comes back on what is open now is lost from here on, and nobody is told; what opens later is carried as ever.</summary>
    public void LoseAnswers()
    {
        foreach (var client in open.Keys)
        {
            open[client] = false;
        }
    }

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
                Interlocked.Increment(ref taken);
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
            open[client] = true;
            try
            {
                await server.ConnectAsync(IPAddress.Loopback, to, stopping.Token);
                var (one, other) = (client.GetStream(), server.GetStream());
                await Task.WhenAny(one.CopyToAsync(other, stopping.Token), CarryBack(other, one, client));
            }
            catch (Exception gone) when (gone is IOException or SocketException or ObjectDisposedException or OperationCanceledException)
            {
                return; // one of the two hung up
            }
            finally
            {
                open.TryRemove(client, out _);
            }
        }
    }

    private async Task CarryBack(NetworkStream from, NetworkStream to, TcpClient client)
    {
        var buffer = new byte[32 * 1024];
        while (await from.ReadAsync(buffer, stopping.Token) is var read and > 0)
        {
            if (open.GetValueOrDefault(client))
            {
                await to.WriteAsync(buffer.AsMemory(0, read), stopping.Token);
            }
        }
    }
}

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
    private volatile int to;

    public Detour(int to)
    {
        this.to = to;
        listener.Start();
        carrying.Add(Accept());
    }

    public int Port => ((IPEndPoint)listener.LocalEndpoint).Port;

    public void LeadsTo(int port) => to = port;

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
                var (one, other) = (client.GetStream(), server.GetStream());
                await Task.WhenAny(one.CopyToAsync(other, stopping.Token), other.CopyToAsync(one, stopping.Token));
            }
            catch (Exception gone) when (gone is IOException or SocketException or OperationCanceledException)
            {
                return; // one of the two hung up
            }
        }
    }
}

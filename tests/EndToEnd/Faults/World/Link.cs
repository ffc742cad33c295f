using System.Net;
using System.Net.Sockets;

namespace AccessPlane.Tests.EndToEnd.Faults.World;

/// <summary>A stretch of network between two parts, that a test cuts or deafens. What is held back arrives when it heals, as TCP sends again what was lost.</summary>
internal sealed class Link : IAsyncDisposable
{
    private readonly TcpListener listener;
    private readonly IPEndPoint to;
    private readonly Lock guard = new();
    private readonly HashSet<Socket> open = [];
    private readonly Task accepting;
    private readonly Gate toServer = new();
    private readonly Gate toClient = new();
    private volatile bool cut;

    public Link(int port, IPEndPoint to)
    {
        this.to = to;
        listener = new TcpListener(IPAddress.Loopback, port);
        listener.Start();
        accepting = Accept();
    }

    /// <summary>Connections are reset, and so is whatever tries.</summary>
    public void Cut()
    {
        cut = true;
        CloseAll();
    }

    /// <summary>Connections stand; nothing comes through, in one direction or in both.</summary>
    public void Silence(bool towardsServer, bool towardsClient)
    {
        toServer.Close(towardsServer);
        toClient.Close(towardsClient);
    }

    /// <summary>To the server it looks as if the clients had said all they want to say; they still hear.</summary>
    public void HalfClose()
    {
        lock (guard)
        {
            foreach (var socket in open.Where(s => Equals(s.RemoteEndPoint, to)))
            {
                socket.Shutdown(SocketShutdown.Send);
            }
        }
    }

    public void Heal()
    {
        cut = false;
        Silence(false, false);
    }

    public async ValueTask DisposeAsync()
    {
        listener.Dispose();
        CloseAll();
        Heal();
        await accepting;
    }

    private async Task Accept()
    {
        try
        {
            while (true)
            {
                var client = await listener.AcceptSocketAsync();
                if (cut)
                {
                    Reset(client);
                }
                else
                {
                    _ = Carry(client);
                }
            }
        }
        catch (Exception over) when (over is SocketException or ObjectDisposedException)
        {
            // the link is taken down
        }
    }

    private async Task Carry(Socket client)
    {
        using var server = new Socket(to.AddressFamily, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        client.NoDelay = true;
        lock (guard)
        {
            open.Add(client);
            open.Add(server);
        }
        try
        {
            await server.ConnectAsync(to);
            await Task.WhenAll(Pass(client, server, toServer), Pass(server, client, toClient));
        }
        catch (SocketException)
        {
            Reset(client); // nobody listens there
        }
        finally
        {
            lock (guard)
            {
                open.Remove(client);
                open.Remove(server);
            }
            client.Dispose();
        }
    }

    /// <summary>A side that has said all it had to say may still listen: only its own direction ends.</summary>
    private static async Task Pass(Socket from, Socket into, Gate gate)
    {
        try
        {
            var buffer = new byte[64 * 1024];
            int read;
            while ((read = await from.ReceiveAsync(buffer)) > 0)
            {
                await gate.Open;
                for (var sent = 0; sent < read;)
                {
                    sent += await into.SendAsync(buffer.AsMemory(sent, read - sent));
                }
            }
            await gate.Open;
            into.Shutdown(SocketShutdown.Send);
        }
        catch (Exception over) when (over is SocketException or ObjectDisposedException)
        {
            Reset(from); // whoever is on one side learns that the other is gone
            Reset(into);
        }
    }

    private void CloseAll()
    {
        lock (guard)
        {
            foreach (var socket in open)
            {
                Reset(socket);
            }
        }
    }

    /// <summary>Without a goodbye: whoever is on the other end gets an error, and no end of a stream.</summary>
    private static void Reset(Socket socket) => socket.Close(0);

    private sealed class Gate
    {
        private volatile TaskCompletionSource open = Opened();

        public Task Open => open.Task;

        public void Close(bool closed)
        {
            if (!closed)
            {
                open.TrySetResult();
            }
            else if (open.Task.IsCompleted)
            {
                open = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            }
        }

        private static TaskCompletionSource Opened()
        {
            var done = new TaskCompletionSource();
            done.SetResult();
            return done;
        }
    }
}

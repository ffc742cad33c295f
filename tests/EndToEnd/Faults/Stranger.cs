using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;

namespace AccessPlane.Tests.EndToEnd.Faults;

/// <summary>A connection to the agent's door that never says who it is.</summary>
internal sealed class Stranger : IDisposable
{
    private readonly Socket socket = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };

    /// <param name="from">One of this machine's many addresses.</param>
    public static async Task<Stranger> Dial(int port, string from)
    {
        var stranger = new Stranger();
        stranger.socket.Bind(new IPEndPoint(IPAddress.Parse(from), 0));
        await stranger.socket.ConnectAsync(IPAddress.Loopback, port);
        return stranger;
    }

    /// <summary>What the agent says until it ends the connection.</summary>
    public async Task<string> Hears(CancellationToken cancel)
    {
        var (said, buffer) = (new StringBuilder(), new byte[1024]);
        try
        {
            while (await socket.ReceiveAsync(buffer, cancel) is > 0 and var got)
            {
                said.Append(Encoding.Latin1.GetString(buffer, 0, got));
            }
        }
        catch (SocketException reset) when (reset.SocketErrorCode is SocketError.ConnectionReset)
        {
            return said.ToString(); // as good as a goodbye
        }
        return said.ToString();
    }

    /// <summary>Sends something that no client sends, and no more.</summary>
    public async Task Babbles(int n, CancellationToken cancel)
    {
        try
        {
            await socket.SendAsync(Nonsense(n), cancel);
            socket.Shutdown(SocketShutdown.Send);
        }
        catch (SocketException gone) when (gone.SocketErrorCode is SocketError.ConnectionReset or SocketError.Shutdown or SocketError.NotConnected)
        {
            return; // the agent did not listen to the end
        }
    }

    /// <summary>A byte a second of something that could become a startup, until the agent has had enough.</summary>
    public async Task Drips(CancellationToken cancel)
    {
        byte[] startup = [0, 0, 0, 200, 0, 3, 0, 0, .. "user\0"u8];
        try
        {
            for (var i = 0; ; i++)
            {
                await socket.SendAsync(startup.AsMemory(Math.Min(i, startup.Length - 1), 1), cancel);
                await Task.Delay(TimeSpan.FromSeconds(1), cancel);
            }
        }
        catch (Exception over) when (over is SocketException or ObjectDisposedException or OperationCanceledException)
        {
            return; // put out, or the test is over
        }
    }

    public void Dispose() => socket.Dispose();

    private static byte[] Nonsense(int n) => (n % 8) switch
    {
        0 => RandomNumberGenerator.GetBytes(RandomNumberGenerator.GetInt32(1, 2000)),
        1 => Startup(-1),
        2 => Startup(int.MaxValue),
        3 => Startup(9_999), // of which the rest does not come
        4 => "GET / HTTP/1.1\r\nHost: x\r\n\r\n"u8.ToArray(),
        5 => [0x16, 3, 1, 2, 0, 1, .. RandomNumberGenerator.GetBytes(512)], // as TLS begins
        6 => [0, 0, 0, 8, 4, 210, 22, 47, .. RandomNumberGenerator.GetBytes(100)], // asks for TLS and does not wait
        _ => [.. Startup(16, 80877102), .. RandomNumberGenerator.GetBytes(8)], // cancels what is not its own
    };

    private static byte[] Startup(int length, int version = 196608)
    {
        var packet = new byte[8];
        BinaryPrimitives.WriteInt32BigEndian(packet, length);
        BinaryPrimitives.WriteInt32BigEndian(packet.AsSpan(4), version);
        return length == 16 ? packet : [.. packet, .. "user\0x\0"u8];
    }
}

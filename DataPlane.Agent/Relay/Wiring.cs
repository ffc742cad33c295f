using System.Net;
using System.Net.Sockets;

namespace AccessPlane.Agent.Relay;

/// <summary>Makes wires. The two of one session come from the same place, so that what arrives on one leaves on the other without changing threads.</summary>
internal abstract class Wiring
{
    /// <summary>Rings, where the kernel has them and `ACCESSPLANE_WIRES` does not say `sockets`.</summary>
    public static Wiring Any() => WantsRings && Ring.Next() is { } ring ? ring : SocketWiring.Instance;

    private static bool WantsRings { get; } = Environment.GetEnvironmentVariable("ACCESSPLANE_WIRES") != "sockets";

    /// <summary>Takes a connected socket over: it is of no use to anybody else from then on.</summary>
    public abstract Wire Adopt(Socket connected);

    /// <exception cref="SocketException">Nobody answers there.</exception>
    public abstract Task<Wire> Connect(EndPoint to, CancellationToken cancel);

    /// <summary>Small messages leave at once, and a peer that vanished without a word is missed within a minute, though nothing is sent to it.</summary>
    public static void Prepare(Socket socket)
    {
        if (socket.ProtocolType == ProtocolType.Tcp)
        {
            socket.NoDelay = true;
            socket.SetSocketOption(SocketOptionLevel.Tcp, SocketOptionName.TcpKeepAliveTime, 30);
            socket.SetSocketOption(SocketOptionLevel.Tcp, SocketOptionName.TcpKeepAliveInterval, 10);
            socket.SetSocketOption(SocketOptionLevel.Tcp, SocketOptionName.TcpKeepAliveRetryCount, 3);
            socket.SetSocketOption(SocketOptionLevel.Socket, SocketOptionName.KeepAlive, true);
        }
    }

    protected static Socket New(EndPoint to) => to is UnixDomainSocketEndPoint
        ? new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified)
        : new Socket(to.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
}

/// <summary>The platform's own sockets.</summary>
internal sealed class SocketWiring : Wiring
{
    public static SocketWiring Instance { get; } = new();

    public override Wire Adopt(Socket connected) => new SocketWire(connected);

    public override async Task<Wire> Connect(EndPoint to, CancellationToken cancel)
    {
        var socket = New(to);
        try
        {
            await socket.ConnectAsync(to, cancel);
            return new SocketWire(socket);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }
}

using System.Net.Sockets;

namespace AccessPlane.Agent.Relay;

/// <summary>A socket in clear. Completions run inline where the process is set up for it: no thread hop between the two sides of a relay.</summary>
internal sealed class PlainWire : Wire
{
    public PlainWire(Socket socket)
        : base(socket)
    {
        socket.Blocking = false; // a synchronous call takes what is there, and never waits
        if (socket.ProtocolType == ProtocolType.Tcp)
        {
            socket.NoDelay = true;
        }
    }

    public override bool WaitsWithoutBuffer => false;

    public override ValueTask Readable() => default;

    public override ValueTask<int> Receive(Memory<byte> into) => Socket.ReceiveAsync(into, SocketFlags.None);

    public override int TryReceive(Span<byte> into)
    {
        var got = Socket.Receive(into, SocketFlags.None, out var error);
        return error == SocketError.Success ? got : 0;
    }

    public override ValueTask Send(ReadOnlyMemory<byte> bytes)
    {
        var sending = Socket.SendAsync(bytes, SocketFlags.None);
        if (sending.IsCompletedSuccessfully)
        {
            var sent = sending.GetAwaiter().GetResult();
            return sent == bytes.Length ? default : Rest(bytes[sent..]);
        }
        return Rest(sending, bytes);
    }

    private async ValueTask Rest(ValueTask<int> sending, ReadOnlyMemory<byte> bytes)
    {
        var sent = await sending;
        await Rest(bytes[sent..]);
    }

    private async ValueTask Rest(ReadOnlyMemory<byte> bytes)
    {
        while (bytes.Length > 0)
        {
            bytes = bytes[await Socket.SendAsync(bytes, SocketFlags.None)..];
        }
    }
}

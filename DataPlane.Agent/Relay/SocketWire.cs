using System.Net.Sockets;

namespace AccessPlane.Agent.Relay;

/// <summary>A socket in clear. Completions run inline where the process is set up for it: no thread hop between the two sides of a relay.</summary>
internal sealed class SocketWire : Wire
{
    private readonly Socket socket;
    private int closed;

    public SocketWire(Socket socket)
    {
        this.socket = socket;
        socket.Blocking = false; // a synchronous call takes what is there, and never waits
        Wiring.Prepare(socket);
    }

    public override Wiring Wiring => SocketWiring.Instance;
    public override bool WaitsWithoutBuffer => false;
    public override bool HasBytes => socket.Available > 0;

    public override ValueTask Readable() => default;

    public override ValueTask<int> Receive(Memory<byte> into) => socket.ReceiveAsync(into, SocketFlags.None);

    public override ValueTask<int> Peek(Memory<byte> into, CancellationToken cancel) => socket.ReceiveAsync(into, SocketFlags.Peek, cancel);

    public override int TryReceive(Span<byte> into)
    {
        var got = socket.Receive(into, SocketFlags.None, out var error);
        return error == SocketError.Success ? got : 0;
    }

    public override ValueTask Send(ReadOnlyMemory<byte> bytes)
    {
        var sending = socket.SendAsync(bytes, SocketFlags.None);
        if (sending.IsCompletedSuccessfully)
        {
            var sent = sending.GetAwaiter().GetResult();
            return sent == bytes.Length ? default : Rest(bytes[sent..]);
        }
        return Rest(sending, bytes);
    }

    public override Presence Presence
    {
        get
        {
            Span<byte> info = stackalloc byte[8];
            try
            {
                socket.GetRawSocketOption(Presences.Tcp, Presences.TcpInfo, info);
            }
            catch (Exception gone) when (gone is SocketException or ObjectDisposedException)
            {
                return Presence.Here; // closed from here: whoever did that sees to the end
            }
            return Presences.Of(info);
        }
    }

    public override void Reset()
    {
        if (Interlocked.Exchange(ref closed, 1) == 0)
        {
            socket.Close(0);
        }
    }

    public override void EndSending()
    {
        try
        {
            socket.Shutdown(SocketShutdown.Send);
        }
        catch (Exception gone) when (gone is SocketException or ObjectDisposedException)
        {
            // the other side ended first: nothing is left to tell it
            return;
        }
    }

    public override void Close()
    {
        if (Interlocked.Exchange(ref closed, 1) == 0)
        {
            socket.Close();
        }
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
            bytes = bytes[await socket.SendAsync(bytes, SocketFlags.None)..];
        }
    }
}

using System.Net;
using System.Net.Sockets;

namespace AccessPlane.Agent.Protocols.PostgreSql;

/// <summary>Where a host name leads. Asking takes a thread each time, and logins come in crowds: an answer is used for a while, and not after it failed.</summary>
internal sealed class PgAddress(string host, TimeProvider time)
{
    private static readonly TimeSpan Kept = TimeSpan.FromSeconds(5);

    private volatile Answer? last;

    public async Task Connect(Socket socket, int port, CancellationToken cancel)
    {
        var answer = last;
        if (answer is null || time.GetElapsedTime(answer.At) > Kept)
        {
            last = answer = new Answer(await Dns.GetHostAddressesAsync(host, cancel), time.GetTimestamp());
        }
        try
        {
            await socket.ConnectAsync(answer.Addresses, port, cancel);
        }
        catch
        {
            last = null;
            throw;
        }
    }

    private sealed record Answer(IPAddress[] Addresses, long At);
}

using System.Net;
using System.Net.Sockets;
using AccessPlane.Agent.Relay;

namespace AccessPlane.Agent.Protocols.PostgreSql;

/// <summary>Where a host name leads. Asking takes a thread each time, and logins come in crowds: an answer is used for a while, and not after it failed.</summary>
internal sealed class PgAddress(string host, TimeProvider time)
{
    private static readonly TimeSpan Kept = TimeSpan.FromSeconds(5);

    private volatile Answer? last;

    /// <summary>To the first of its addresses that answers.</summary>
    public async Task<Wire> Connect(Wiring wiring, int port, CancellationToken cancel)
    {
        var answer = last;
        if (answer is null || time.GetElapsedTime(answer.At) > Kept)
        {
            last = answer = new Answer(await Dns.GetHostAddressesAsync(host, cancel), time.GetTimestamp());
        }
        for (var i = 0; ; i++)
        {
            try
            {
                return await wiring.Connect(new IPEndPoint(answer.Addresses[i], port), cancel);
            }
            catch (SocketException) when (i + 1 < answer.Addresses.Length)
            {
                continue;
            }
            catch
            {
                last = null;
                throw;
            }
        }
    }

    private sealed record Answer(IPAddress[] Addresses, long At);
}

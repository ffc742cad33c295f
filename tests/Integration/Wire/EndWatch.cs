using System.Buffers.Binary;
using System.Collections.Concurrent;
using System.Net.Sockets;
using System.Text;
using AccessPlane.Agent.Protocols.PostgreSql;

namespace AccessPlane.Tests.Integration.Wire;

/// <summary>
/// An address in front of a server that notes what an agent does to end a session, in order. What becomes of the session's connection here, the server does not hear:
/// it stays open there, so that nothing ends the backend by itself.
/// </summary>
internal sealed class EndWatch(int to) : Passage(to)
{
    /// <summary>`cancel`: a CancelRequest; `reset` or `closed`: how a session's connection ended; `terminate`: the agent's own order to end a backend.</summary>
    public ConcurrentQueue<string> Noted { get; } = [];

    /// <summary>Whether the server hears of CancelRequests; otherwise they are taken, and nothing comes of them.</summary>
    public bool PassesCancels { get; set; }

    protected override async Task Carry(TcpClient client, TcpClient server)
    {
        var (agent, database) = (client.GetStream(), server.GetStream());
        var length = new byte[4];
        await agent.ReadExactlyAsync(length, Stopping);
        var rest = new byte[BinaryPrimitives.ReadInt32BigEndian(length) - length.Length];
        await agent.ReadExactlyAsync(rest, Stopping);
        if (BinaryPrimitives.ReadInt32BigEndian(rest) == PgStartup.Cancel)
        {
            Noted.Enqueue("cancel");
            if (PassesCancels)
            {
                await database.WriteAsync((byte[])[.. length, .. rest], Stopping);
                await database.CopyToAsync(Stream.Null, Stopping); // it closes when the signal is sent
            }
            return;
        }
        await database.WriteAsync((byte[])[.. length, .. rest], Stopping);
        var answers = Back(database, agent);
        var isReset = await There(agent, database);
        if (!Encoding.UTF8.GetString(rest).Contains("application_name\0accessplane\0", StringComparison.Ordinal))
        {
            Noted.Enqueue(isReset ? "reset" : "closed");
            await Task.Delay(Timeout.InfiniteTimeSpan, Stopping);
        }
        database.Close();
        await answers;
    }

    /// <returns>Whether the agent's side ended with a reset.</returns>
    private async Task<bool> There(NetworkStream from, NetworkStream onto)
    {
        var header = new byte[PgFrame.Header];
        try
        {
            while (true)
            {
                await from.ReadExactlyAsync(header, Stopping);
                var body = new byte[PgFrame.LengthAt(header) - 4];
                await from.ReadExactlyAsync(body, Stopping);
                if (Encoding.UTF8.GetString(body).Contains("pg_terminate_backend", StringComparison.Ordinal))
                {
                    Noted.Enqueue("terminate");
                }
                await onto.WriteAsync((byte[])[.. header, .. body], Stopping);
            }
        }
        catch (IOException over)
        {
            return over.InnerException is SocketException { SocketErrorCode: SocketError.ConnectionReset };
        }
    }

    private async Task Back(NetworkStream from, NetworkStream onto)
    {
        try
        {
            await from.CopyToAsync(onto, Stopping);
        }
        catch (Exception gone) when (gone is IOException or SocketException or ObjectDisposedException or OperationCanceledException)
        {
            return; // the agent listens no longer
        }
    }
}

using System.Net;
using System.Net.Sockets;
using AccessPlane.Agent.Recording;

namespace AccessPlane.Agent.Protocols.PostgreSql;

/// <summary>One PostgreSQL door: accepts, and lets each connection run by itself. Nothing but accepting happens on the accept loop.</summary>
public sealed class PgListener : IAsyncDisposable
{
    private static readonly TimeSpan Farewell = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan BetweenLooks = TimeSpan.FromMilliseconds(250);

    private readonly ListenerConfig config;
    private readonly PgDoor door;
    private readonly PgParser parser;
    private readonly PgUpstream upstream;
    private readonly TimeProvider time;
    private readonly ILogger log;
    private readonly Socket socket;
    private readonly CancellationTokenSource stopping = new();
    private readonly ITimer looks;
    private Task accepting = Task.CompletedTask;
    private volatile string? alert;

    public PgListener(ListenerConfig config, Gate.Gate gate, RecorderFactory recorders, ILoggerFactory logs, TimeProvider time)
    {
        ArgumentNullException.ThrowIfNull(config);
        ArgumentNullException.ThrowIfNull(logs);
        this.config = config;
        this.time = time;
        log = logs.CreateLogger<PgListener>();
        parser = new PgParser(time);
        upstream = new PgUpstream(config.Upstream, time);
        door = new PgDoor(config, gate, recorders, parser, upstream, Exchanged, time, log);
        var address = IPAddress.Parse(config.Address);
        socket = new Socket(address.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
        if (address.Equals(IPAddress.IPv6Any))
        {
            socket.DualMode = true;
        }
        looks = time.CreateTimer(_ => door.Look(), null, BetweenLooks, BetweenLooks);
    }

    /// <summary>Where it listens, once started.</summary>
    public IPEndPoint EndPoint => (IPEndPoint)socket.LocalEndPoint!;

    /// <summary>Sessions that are open at this moment.</summary>
    public int Sessions => door.Sessions.Count;

    /// <summary>What an operator should look at; null where there is nothing.</summary>
    public string? Alert => alert;

    /// <summary>The address leads to another database. What was known of the first one is not used for it, and sessions that are still there end: what they ask is
    /// judged by what is known here.</summary>
    private void Exchanged(PgCluster now)
    {
        alert = $"the database of `{config.Resource}` is another one (system {now.System}) than it was when this agent began";
        PgLog.Exchanged(log, config.Resource, now.System);
        foreach (var session in door.Sessions)
        {
            session.EndUnlessAt(now);
        }
    }

    public Task StartAsync(CancellationToken cancel)
    {
        socket.Bind(new IPEndPoint(IPAddress.Parse(config.Address), config.Port));
        socket.Listen(1024);
        PgLog.Listening(log, config.Resource, EndPoint);
        door.Logins.Start();
        accepting = Accept();
        return Task.CompletedTask;
    }

    /// <summary>Takes nobody new, and ends the sessions that are open.</summary>
    public async Task StopAsync(CancellationToken cancel)
    {
        await stopping.CancelAsync();
        socket.Dispose();
        await accepting;
        var open = door.Sessions.Select(s => s.Stop("the agent was stopped")).ToList();
        await Task.WhenAll(open).WaitAsync(Farewell, time, cancel).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    public async ValueTask DisposeAsync()
    {
        await StopAsync(CancellationToken.None);
        await looks.DisposeAsync();
        await door.Logins.DisposeAsync();
        door.Dispose();
        parser.Dispose();
        upstream.Dispose();
        stopping.Dispose();
    }

    private async Task Accept()
    {
        while (!stopping.IsCancellationRequested)
        {
            try
            {
                var client = await socket.AcceptAsync(stopping.Token);
                _ = Task.Run(() => Serve(client), CancellationToken.None);
            }
            catch (Exception over) when (over is OperationCanceledException or ObjectDisposedException)
            {
                return;
            }
            catch (SocketException full)
            {
                // no more descriptors, or the client left in the queue: others are to be accepted all the same, when there is room
                PgLog.NotAccepted(log, full);
                await Task.Delay(TimeSpan.FromMilliseconds(100), time, stopping.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }
    }

    private async Task Serve(Socket client)
    {
        try
        {
            await new PgVisit(door, client).Run(stopping.Token);
        }
        catch (Exception unforeseen)
        {
            PgLog.Unforeseen(log, unforeseen); // one connection's failure is never another's
            client.Close(0);
        }
    }
}

using System.Collections.Concurrent;
using System.Diagnostics;
using AccessPlane.Tests.EndToEnd.World;
using Npgsql;

namespace AccessPlane.Tests.EndToEnd.Faults.World;

/// <summary>
/// Clients that write numbered rows through the agent all the time, each in a session of its own; whoever loses its session asks for another. What they were told
/// is kept, for the comparison with what the server did and with what was recorded.
/// </summary>
internal sealed class Load : IAsyncDisposable
{
    private static readonly TimeSpan Pace = TimeSpan.FromMilliseconds(20);
    private static readonly TimeSpan BeforeAgain = TimeSpan.FromMilliseconds(100);
    private readonly Product product;
    private readonly Func<Plane> plane;
    private readonly CancellationTokenSource stop = new();
    private readonly ConcurrentDictionary<long, bool> tried = new();
    private readonly Task[] clients;
    private long last = Stopwatch.GetTimestamp();
    private int opened;
    private int lost;

    private Load(Product product, int clients, Func<Plane> plane)
    {
        (this.product, this.plane) = (product, plane);
        this.clients = [.. Enumerable.Range(0, clients).Select(_ => Task.Run(Client))];
    }

    /// <summary>The name under which its sessions are known.</summary>
    public string Application { get; } = $"load-{Guid.CreateVersion7():N}"[..30];

    /// <summary>Of which the client knows that they were done.</summary>
    public IReadOnlyCollection<long> Acknowledged => [.. tried.Where(t => t.Value).Select(t => t.Key)];
    public int Opened => Volatile.Read(ref opened);

    /// <summary>Sessions that ended under their client.</summary>
    public int Cut => Volatile.Read(ref lost);

    /// <summary>Since anybody heard that something was done.</summary>
    public TimeSpan Quiet => Stopwatch.GetElapsedTime(Volatile.Read(ref last));

    /// <param name="plane">Which control plane is asked for tickets, where it is not always the first.</param>
    public static async Task<Load> Start(Product product, int clients = 6, Func<Plane>? plane = null)
    {
        var load = new Load(product, clients, plane ?? (() => product.Plane));
        await load.Flows();
        return load;
    }

    /// <summary>Until more was done than before the call.</summary>
    public async Task Flows(int more = 20, int seconds = 60)
    {
        var before = Acknowledged.Count;
        await Wait.Until(() => Acknowledged.Count >= before + more, seconds, () => $"the clients do not get on: {Acknowledged.Count} were done, {before} before");
    }

    /// <summary>Each client ends what it is at and leaves.</summary>
    public async Task Stop()
    {
        await stop.CancelAsync();
        await Task.WhenAll(clients).WaitAsync(TimeSpan.FromSeconds(90));
    }

    public async ValueTask DisposeAsync()
    {
        await stop.CancelAsync();
        await Task.WhenAll(clients).WaitAsync(TimeSpan.FromSeconds(90)).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        stop.Dispose();
    }

    private async Task Client()
    {
        while (!stop.IsCancellationRequested)
        {
            try
            {
                await using var session = await Enter();
                await Work(session);
            }
            catch (Exception failed) when (failed is NpgsqlException or HttpRequestException or TaskCanceledException or IOException)
            {
                // that is what is done to it here: it comes again
                SecretSweep.OfTheRun.Hears("what a client was told", failed.Message);
                await Task.Delay(BeforeAgain, stop.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }
    }

    private async Task<NpgsqlConnection> Enter()
    {
        var api = plane().Api;
        var asked = await api.Post("engineer", "/v1/requests", new { entitlement = "orders", duration = "PT1H", reason = "a load" });
        var given = asked.Status == 201 ? await api.Post("engineer", $"/v1/grants/{asked.Text("grantId")}/tickets", new { database = product.Name }) : asked;
        if (given.Status != 201)
        {
            throw new HttpRequestException($"{given.Status}");
        }
        var ticket = new Ticket(given.Text("username"), given.Text("password"), given.Body.GetProperty("port").GetInt32(), product.Name);
        var session = await Product.Open(ticket, Application);
        Interlocked.Increment(ref opened);
        return session;
    }

    private async Task Work(NpgsqlConnection session)
    {
        try
        {
            while (!stop.IsCancellationRequested)
            {
                var number = product.NextNumber();
                tried[number] = false;
                await Product.Do(session, number);
                tried[number] = true;
                Volatile.Write(ref last, Stopwatch.GetTimestamp());
                await Task.Delay(Pace, stop.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }
        catch (NpgsqlException)
        {
            Interlocked.Increment(ref lost);
            throw;
        }
    }
}

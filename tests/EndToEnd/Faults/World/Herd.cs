using System.Collections.Concurrent;
using System.Diagnostics;
using AccessPlane.Tests.EndToEnd.World;
using Npgsql;

namespace AccessPlane.Tests.EndToEnd.Faults.World;

/// <summary>
/// Clients of one ticket that all come at once, at each word, and come again until they are let in: each writes a numbered row, and stays until it is cut. Whoever
/// is told that its right has ended stays away.
/// </summary>
internal sealed class Herd : IAsyncDisposable
{
    private static readonly TimeSpan BeforeAgain = TimeSpan.FromMilliseconds(100);
    private readonly Product product;
    private readonly Ticket ticket;
    private readonly Task[] clients;
    private readonly CancellationTokenSource stop = new();
    private readonly ConcurrentBag<long> done = [];
    private readonly ConcurrentBag<PostgresException> refused = [];
    private readonly ConcurrentBag<long> cuts = [];
    private volatile TaskCompletionSource come = Closed();
    private int inside;
    private int away;

    public Herd(Product product, Ticket ticket, int size, string application)
    {
        (this.product, this.ticket, Size, Application) = (product, ticket, size, application);
        clients = [.. Enumerable.Range(0, size).Select(_ => Task.Run(Client))];
    }

    public int Size { get; }
    public string Application { get; }
    public int Inside => Volatile.Read(ref inside);

    /// <summary>Those who know that their right has ended.</summary>
    public int Away => Volatile.Read(ref away);

    /// <summary>What they were told instead of being let in.</summary>
    public IReadOnlyCollection<PostgresException> Refused => refused;

    /// <summary>When sessions ended, by their clients' clock.</summary>
    public IReadOnlyCollection<long> Cuts => cuts;

    /// <summary>Rows that they were told are written.</summary>
    public IReadOnlyCollection<long> Acknowledged => done;

    /// <summary>Now, all of them.</summary>
    public void Comes() => come.TrySetResult();

    /// <summary>Whoever is cut from here on waits for the word.</summary>
    public void Waits() => come = Closed();

    public Task IsInside() => Wait.Until(() => Inside == Size, 120, () => $"{Inside} of {Size} are inside; the last ones were told {string.Join("; ", refused.Take(3).Select(r => r.MessageText))}");

    public async Task Leaves()
    {
        await stop.CancelAsync();
        come.TrySetResult();
        await Task.WhenAll(clients).WaitAsync(TimeSpan.FromSeconds(90));
    }

    public async ValueTask DisposeAsync()
    {
        await stop.CancelAsync();
        come.TrySetResult();
        await Task.WhenAll(clients).WaitAsync(TimeSpan.FromSeconds(90)).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        stop.Dispose();
    }

    private async Task Client()
    {
        while (!stop.IsCancellationRequested)
        {
            await come.Task;
            try
            {
                await using var session = new NpgsqlConnection($"{ticket.Npgsql(Application)};Timeout=120;Command Timeout=150;Cancellation Timeout=-1");
                await session.OpenAsync(stop.Token);
                await Stay(session);
            }
            catch (PostgresException told)
            {
                refused.Add(told);
                SecretSweep.OfTheRun.Hears("what a client was told", told.Message);
                if (told.MessageText.Contains("revoked", StringComparison.Ordinal))
                {
                    Interlocked.Increment(ref away);
                    return;
                }
                await Task.Delay(BeforeAgain, stop.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
            catch (Exception failed) when (failed is NpgsqlException or OperationCanceledException)
            {
                // nobody listens yet, or it was told to stop
                await Task.Delay(BeforeAgain, stop.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }
    }

    private async Task Stay(NpgsqlConnection session)
    {
        var number = product.NextNumber();
        await Product.Do(session, number);
        done.Add(number);
        Interlocked.Increment(ref inside);
        try
        {
            await session.WaitAsync(stop.Token);
        }
        catch (NpgsqlException)
        {
            cuts.Add(Stopwatch.GetTimestamp());
        }
        finally
        {
            Interlocked.Decrement(ref inside);
        }
    }

    private static TaskCompletionSource Closed() => new(TaskCreationOptions.RunContinuationsAsynchronously);
}

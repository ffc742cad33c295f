using System.Threading.Channels;

namespace AccessPlane.Agent.Protocols.PostgreSql.Logins;

/// <summary>Logins that are not needed any more: they are dropped one after the other, and again while the database does not do it.</summary>
internal sealed class LoginRubbish : IAsyncDisposable
{
    private const int MostAtOnce = 32;
    private static readonly TimeSpan RetryAfter = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan Farewell = TimeSpan.FromSeconds(4);

    private readonly Channel<string> roles = Channel.CreateUnbounded<string>(new() { SingleReader = true });
    private readonly LoginRoles names;
    private readonly PgErrands errands;
    private readonly TimeProvider time;
    private readonly ILogger log;
    private readonly CancellationTokenSource stopping = new();
    private readonly Task work;

    public LoginRubbish(LoginRoles names, PgErrands errands, TimeProvider time, ILogger log)
    {
        (this.names, this.errands, this.time, this.log) = (names, errands, time, log);
        work = Task.Run(Work);
    }

    public void Add(string role) => roles.Writer.TryWrite(role);

    /// <summary>What an earlier process of this door has left. Called before any login is made here, and when none is needed any more.</summary>
    public async Task Sweep(CancellationToken cancel)
    {
        foreach (var role in await errands.Run(names.Left, cancel))
        {
            Add(role);
        }
    }

    /// <summary>What is there is dropped first, as far as that is possible in a moment; what stays is for the next process to sweep.</summary>
    public async ValueTask DisposeAsync()
    {
        roles.Writer.TryComplete();
        stopping.CancelAfter(Farewell);
        await work;
        stopping.Dispose();
    }

    private async Task Work()
    {
        var batch = new List<string>();
        while (batch.Count > 0 || await roles.Reader.WaitToReadAsync())
        {
            // whatever came meanwhile does not wait for one that cannot be dropped
            while (batch.Count < MostAtOnce && roles.Reader.TryRead(out var role))
            {
                batch.Add(role);
            }
            if (stopping.IsCancellationRequested)
            {
                batch.Clear();
            }
            else
            {
                await Drop(batch);
            }
        }
    }

    private async Task Drop(List<string> batch)
    {
        try
        {
            await Run(batch);
            batch.Clear();
        }
        catch (Exception failed) when (PgErrands.IsFailure(failed))
        {
            // one that cannot be dropped must not keep the others
            foreach (var role in batch.ToList())
            {
                if (await Dropped(role, last: batch.Count == 1))
                {
                    batch.Remove(role);
                }
            }
        }
    }

    private async Task<bool> Dropped(string role, bool last)
    {
        try
        {
            var there = await errands.Run(names.Left, stopping.Token);
            if (there.Contains(role))
            {
                await Run([role]);
            }
            return true;
        }
        catch (Exception failed) when (PgErrands.IsFailure(failed))
        {
            PgLog.NotDropped(log, role, failed);
            await Task.Delay(RetryAfter, time, stopping.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            if (!last && !stopping.IsCancellationRequested)
            {
                Add(role); // others first
                return true;
            }
            return false;
        }
    }

    private Task<bool> Run(IReadOnlyList<string> batch) => errands.Run(async (own, c) =>
    {
        await LoginRoles.Drop(own, batch, c);
        return true;
    }, stopping.Token);
}

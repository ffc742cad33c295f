using System.Net.Sockets;

namespace AccessPlane.Agent.Protocols.PostgreSql;

/// <summary>A connection of the agent's own to one database, for one errand at a time: opened when there is one, closed when there was none for a while.</summary>
internal sealed class PgErrands : IDisposable
{
    private readonly Func<CancellationToken, Task<PgQueries>> dial;
    private readonly TimeProvider time;
    private readonly TimeSpan kept;
    private readonly TimeSpan patience;
    private readonly SemaphoreSlim turn = new(1);
    private readonly ITimer idle;
    private PgQueries? connection;

    /// <param name="kept">How long it stays open after an errand.</param>
    /// <param name="patience">How long an errand may wait for its turn and take.</param>
    public PgErrands(Func<CancellationToken, Task<PgQueries>> dial, TimeProvider time, TimeSpan kept, TimeSpan patience)
    {
        (this.dial, this.time, this.kept, this.patience) = (dial, time, kept, patience);
        idle = time.CreateTimer(_ => CloseWhenIdle(), null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    /// <summary>What an errand may fail with.</summary>
    public static bool IsFailure(Exception failed) =>
        failed is IOException or SocketException or ObjectDisposedException or OperationCanceledException or PgStop or PgUnreachable;

    /// <exception cref="IOException">The database refused it, is gone, or did not answer in time. The errand may have been done.</exception>
    public async Task<T> Run<T>(Func<PgQueries, CancellationToken, Task<T>> errand, CancellationToken cancel)
    {
        using var over = new CancellationTokenSource(patience, time);
        using var both = CancellationTokenSource.CreateLinkedTokenSource(cancel, over.Token);
        try
        {
            await turn.WaitAsync(both.Token);
        }
        catch (OperationCanceledException) when (!cancel.IsCancellationRequested)
        {
            throw new IOException("the database is too busy");
        }
        try
        {
            connection ??= await dial(both.Token);
            return await errand(connection, both.Token);
        }
        catch (Exception failed)
        {
            Close(); // nobody knows what state it is in
            throw failed is OperationCanceledException && !cancel.IsCancellationRequested ? new IOException("the database did not answer in time") : failed;
        }
        finally
        {
            idle.Change(kept, Timeout.InfiniteTimeSpan);
            turn.Release();
        }
    }

    /// <summary>The next errand has a connection of its own.</summary>
    public async Task Drop()
    {
        await turn.WaitAsync();
        Close();
        turn.Release();
    }

    private void CloseWhenIdle()
    {
        if (turn.Wait(0))
        {
            Close();
            turn.Release();
        }
    }

    private void Close()
    {
        connection?.Dispose();
        connection = null;
    }

    public void Dispose()
    {
        idle.Dispose();
        Close();
    }
}

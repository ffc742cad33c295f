namespace AccessPlane.Contracts.Messages;

/// <summary>
/// A connection to say things on, and another one where it has gone deaf. A client can lose what it was sending together with its connection, and then wait for
/// ever: no error comes, and no end. So where nothing was confirmed for a while, what is said next is said on a new connection too; if it is confirmed there, the
/// new one stays, and else the old one. Whatever is said may therefore arrive twice.
/// </summary>
/// <param name="open">Begins to connect, and does not wait for it.</param>
/// <param name="close">Ends one that is used no more; it may take as long as it takes, and must not throw.</param>
/// <param name="tell">Hears, in words for a log, of every connection that was tried in place of another; must not throw.</param>
public sealed class Outbound<T>(Func<T> open, Func<T, Task> close, Action<string> tell, TimeProvider clock) : IAsyncDisposable
    where T : class
{
    /// <summary>So long nothing may be confirmed before another connection is tried, and so long that one has to do better.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    private readonly CancellationTokenSource over = new();
    private Connection current = new(open(), clock);
    private Task trial = Task.CompletedTask;
    private int trying;

    /// <summary>The connection in use.</summary>
    public T Current => Volatile.Read(ref current).Of;

    /// <summary>Says something; completes when it is confirmed.</summary>
    public async Task Send(Func<T, CancellationToken, Task> send, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(send);
        var connection = Volatile.Read(ref current);
        var isDeaf = connection.IsDeaf;
        var sending = Confirmed(connection, send, cancel);
        if (isDeaf && Interlocked.Exchange(ref trying, 1) == 0)
        {
            trial = Try(send);
        }
        await sending.WaitAsync(cancel);
    }

    /// <summary>Nothing is said any more, and nothing that is tried is waited for.</summary>
    public async ValueTask DisposeAsync()
    {
        if (over.IsCancellationRequested)
        {
            return;
        }
        await over.CancelAsync();
        await trial;
        await close(Current);
        over.Dispose();
    }

    /// <summary>However late, and whether or not anybody waits for it still.</summary>
    private static async Task Confirmed(Connection connection, Func<T, CancellationToken, Task> send, CancellationToken cancel)
    {
        await send(connection.Of, cancel);
        connection.Confirmed();
    }

    private async Task Try(Func<T, CancellationToken, Task> send)
    {
        Connection? unused = null;
        try
        {
            using var patience = new CancellationTokenSource(Patience, clock);
            using var enough = CancellationTokenSource.CreateLinkedTokenSource(patience.Token, over.Token);
            unused = new Connection(open(), clock);
            await send(unused.Of, enough.Token).WaitAsync(enough.Token);
            unused = Interlocked.Exchange(ref current, unused);
            tell("nothing was confirmed on one connection: a new one has taken its place");
        }
        catch (Exception) when (over.IsCancellationRequested)
        {
            // nobody asks any more whether it would have been better
        }
        catch (Exception noBetter)
        {
            Volatile.Read(ref current).Stays();
            tell($"nothing is confirmed, and a new connection was no better: {(noBetter is OperationCanceledException ? "nothing was confirmed there" : noBetter.GetBaseException().Message)}");
        }
        Volatile.Write(ref trying, 0);
        if (unused is not null)
        {
            await close(unused.Of);
        }
    }

    private sealed class Connection(T of, TimeProvider clock)
    {
        private readonly Lock guard = new();
        private Task window = Task.CompletedTask;
        private bool confirmed = true;

        public T Of => of;

        /// <summary>To be asked whenever something is said.</summary>
        public bool IsDeaf
        {
            get
            {
                lock (guard)
                {
                    if (!window.IsCompleted)
                    {
                        return false;
                    }
                    if (!confirmed)
                    {
                        return true;
                    }
                    Begin();
                    return false;
                }
            }
        }

        public void Confirmed()
        {
            lock (guard)
            {
                confirmed = true;
            }
        }

        /// <summary>What waits, waits from now on.</summary>
        public void Stays()
        {
            lock (guard)
            {
                Begin();
            }
        }

        private void Begin() => (window, confirmed) = (Task.Delay(Patience, clock), false);
    }
}

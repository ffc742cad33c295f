using AccessPlane.Contracts;

namespace AccessPlane.ControlPlane.EventStore;

/// <summary>
/// State folded from the log in memory and brought up to date whenever it is asked for: what deciders need to know of many streams at once.
/// Every replica has its own.
/// </summary>
/// <param name="types">Stored names of the events that matter.</param>
public sealed class LogFold<TState>(LogTail tail, TState initial, IReadOnlyCollection<string> types, Func<TState, Stored, TState> fold) : IDisposable
    where TState : class
{
    private const int BatchSize = 1_000;
    private readonly SemaphoreSlim one = new(1, 1);
    private TState state = initial;
    private long position;
    private long asked;
    private long answered;

    /// <summary>The state as of the log's settled head at the time of the call, or later.</summary>
    public async ValueTask<TState> Current(CancellationToken cancel)
    {
        var ask = Interlocked.Increment(ref asked);
        await one.WaitAsync(cancel);
        try
        {
            if (answered >= ask)
            {
                return state; // a read that began after this call has ended meanwhile
            }
            var answers = Volatile.Read(ref asked);
            var drawn = await tail.Drawn(cancel); // most of the time it is all there already
            for (var more = position < drawn; more;)
            {
                var page = await tail.Read(position, types, BatchSize, cancel, drawn);
                foreach (var stored in page.Events)
                {
                    state = fold(state, stored);
                    position = stored.Position;
                }
                // the settled position can step back for a moment, while an append holds its lock and has drawn nothing yet
                (position, more) = (Math.Max(position, page.Position), page.More);
            }
            answered = answers;
            return state;
        }
        finally
        {
            one.Release();
        }
    }

    public void Dispose() => one.Dispose();
}

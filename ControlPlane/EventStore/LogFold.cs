using AccessPlane.Contracts;

namespace AccessPlane.ControlPlane.EventStore;

/// <summary>
/// State folded from the log in memory and brought up to date whenever it is asked for: what deciders need to know of many streams at once.
/// Every replica has its own.
/// </summary>
/// <param name="types">Stored names of the events that matter.</param>
public sealed class LogFold<TState>(EventLog log, TState initial, IReadOnlyCollection<string> types, Func<TState, Stored, TState> fold) : IDisposable
    where TState : class
{
    private const int BatchSize = 1_000;
    private readonly SemaphoreSlim _one = new(1, 1);
    private TState _state = initial;
    private long _position;
    private long _asked;
    private long _answered;

    /// <summary>The state as of the log's settled head at the time of the call, or later.</summary>
    public async ValueTask<TState> Current(CancellationToken cancel)
    {
        var ask = Interlocked.Increment(ref _asked);
        await _one.WaitAsync(cancel);
        try
        {
            if (_answered >= ask)
            {
                return _state; // a read that began after this call has ended meanwhile
            }
            var answers = Volatile.Read(ref _asked);
            for (var more = true; more;)
            {
                var page = await log.ReadSettled(_position, types, BatchSize, cancel);
                foreach (var stored in page.Events)
                {
                    _state = fold(_state, stored);
                    _position = stored.Position;
                }
                // the settled position can step back for a moment, while an append holds its lock and has drawn nothing yet
                (_position, more) = (Math.Max(_position, page.Position), page.More);
            }
            _answered = answers;
            return _state;
        }
        finally
        {
            _one.Release();
        }
    }

    public void Dispose() => _one.Dispose();
}

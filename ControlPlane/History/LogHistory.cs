using System.Collections.Immutable;
using AccessPlane.Contracts;
using AccessPlane.Contracts.Events;
using AccessPlane.ControlPlane.EventStore;
using AccessPlane.ControlPlane.Http;

namespace AccessPlane.ControlPlane.History;

/// <summary>Which history the log is of. The first epoch ends when an admin acknowledges that an old backup was restored.</summary>
public sealed record LogHistory(long Epoch, ImmutableList<Rollback> Rollbacks)
{
    public const string StreamType = "history";

    public static LogHistory Initial { get; } = new(1, []);

    /// <summary>The one that nobody has acknowledged: agents are told nothing until then.</summary>
    public Rollback? Open => Rollbacks is [.., { Acknowledged: null } last] ? last : null;

    public static LogHistory Evolve(LogHistory history, IEvent e)
    {
        ArgumentNullException.ThrowIfNull(history);
        return (history.Open, e) switch
        {
            (null, LogRollbackFound found) => history with { Rollbacks = history.Rollbacks.Add(new Rollback(found, [], null)) },
            ({ } open, LogRollbackWitnessed word) when word.Rollback == open.Id =>
                history.With(open with { Witnesses = open.Witnesses.RemoveAll(w => w.Agent == word.Agent).Add(word) }),
            ({ } open, LogRollbackAcknowledged noted) when noted.Rollback == open.Id =>
                history.With(open with { Acknowledged = noted }) with { Epoch = noted.Epoch },
            _ => throw new InvalidOperationException($"`{e?.GetType().Name}` cannot happen to the log's history now"),
        };
    }

    private LogHistory With(Rollback last) => this with { Rollbacks = Rollbacks.SetItem(Rollbacks.Count - 1, last) };
}

/// <param name="Witnesses">The agents that know more than the log, each as it last said.</param>
/// <param name="Acknowledged">Null while it is open.</param>
public sealed record Rollback(LogRollbackFound Found, ImmutableList<LogRollbackWitnessed> Witnesses, LogRollbackAcknowledged? Acknowledged)
{
    public Guid Id => Found.Rollback;

    /// <summary>The highest epoch that anybody has seen.</summary>
    public long SeenEpoch => Witnesses.Select(w => w.Epoch).Append(Found.SeenEpoch).Max();

    public string Why =>
        $"the log was set back: it ended at position {Found.LogEnd} (epoch {Found.Epoch}), and {Found.By} knows of {Found.SeenPosition} (epoch {Found.SeenEpoch}); " +
        $"an admin acknowledges it with POST /v1/log/rollbacks/{Id:D}/acknowledge";
}

/// <summary>The history, kept up with the log in this replica's memory.</summary>
public sealed class LogHistories(LogTail tail, LogPulse pulse, TimeProvider clock) : IDisposable
{
    private static readonly TimeSpan ReadAgain = TimeSpan.FromSeconds(1);

    private readonly LogFold<LogHistory> fold = new(
        tail, LogHistory.Initial,
        [EventNames.Of(typeof(LogRollbackFound)), EventNames.Of(typeof(LogRollbackWitnessed)), EventNames.Of(typeof(LogRollbackAcknowledged))],
        (history, stored) => LogHistory.Evolve(history, stored.Event));

    private volatile Known? known;

    /// <summary>As of now.</summary>
    public async ValueTask<LogHistory> Current(CancellationToken cancel)
    {
        var at = clock.GetTimestamp();
        var history = await fold.Current(cancel);
        known = new Known(history, at);
        return history;
    }

    /// <summary>The epoch in which agents are told something, as of a second ago at most. What they are told meanwhile is of no use to them: they hear of
    /// a new epoch from whoever answers them.</summary>
    /// <exception cref="UnavailableException">They must be told nothing.</exception>
    public async ValueTask<long> Telling(CancellationToken cancel)
    {
        var recent = known is { } last && clock.GetElapsedTime(last.At) < ReadAgain ? last.History : await Current(cancel);
        return recent.Open is { } open ? throw new UnavailableException("history-unavailable", open.Why) : recent.Epoch;
    }

    /// <summary>Waits while a rollback is open.</summary>
    public async Task<LogHistory> Whole(CancellationToken cancel)
    {
        while (true)
        {
            var changed = pulse.Next;
            var history = await Current(cancel);
            if (history.Open is null)
            {
                return history;
            }
            await Task.WhenAny(changed, Task.Delay(ReadAgain, clock, cancel));
            cancel.ThrowIfCancellationRequested();
        }
    }

    public void Dispose() => fold.Dispose();

    private sealed record Known(LogHistory History, long At);
}

using System.Collections.Concurrent;
using AccessPlane.ControlPlane.EventStore;
using Npgsql;

namespace AccessPlane.ControlPlane.Console;

/// <summary>
/// What kinds of things happen, as they happen, for pages that show them: one look at the log for all circuits, which then read anew what concerns them.
/// What happened is not told here: that is the API's to say, to who may hear it.
/// </summary>
internal sealed partial class LogNews(EventLog log, LogPulse pulse, NpgsqlDataSource database, TimeProvider clock, ILogger<LogNews> logger) : BackgroundService
{
    /// <summary>The log wakes us; this is for a wake-up that was lost.</summary>
    private static readonly TimeSpan BackedUp = TimeSpan.FromSeconds(2);
    private readonly ConcurrentDictionary<string, long> last = new();
    private volatile TaskCompletionSource news = New();

    /// <summary>The position of the last event of those kinds.</summary>
    public long Of(Func<string, bool> kinds) => last.Where(l => kinds(l.Key)).Select(l => l.Value).DefaultIfEmpty().Max();

    /// <summary>Completes when something of those kinds has happened after the position.</summary>
    public async Task After(long position, Func<string, bool> kinds, CancellationToken cancel)
    {
        for (; ; )
        {
            var next = news.Task; // taken before looking
            if (Of(kinds) > position)
            {
                return;
            }
            await next.WaitAsync(cancel);
        }
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        long? seen = null;
        while (!stoppingToken.IsCancellationRequested)
        {
            var next = pulse.Next;
            try
            {
                var head = await log.Head(stoppingToken);
                if (seen is { } from && head > from)
                {
                    await Look(from, head, stoppingToken);
                }
                seen = head;
                await next.WaitAsync(BackedUp, clock, stoppingToken);
            }
            catch (TimeoutException)
            {
                // look all the same
            }
            catch (Exception failure) when (failure is not OperationCanceledException)
            {
                LogFailed(failure.Message);
                await Task.Delay(BackedUp, clock, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }
    }

    private async Task Look(long from, long to, CancellationToken cancel)
    {
        await using var command = database.CreateCommand($"SELECT type, max(seq_id) FROM {Schema.Name}.mt_events WHERE seq_id > $1 AND seq_id <= $2 GROUP BY type");
        command.Parameters.Add(new NpgsqlParameter<long> { TypedValue = from });
        command.Parameters.Add(new NpgsqlParameter<long> { TypedValue = to });
        await using (var reader = await command.ExecuteReaderAsync(cancel))
        {
            while (await reader.ReadAsync(cancel))
            {
                last[reader.GetString(0)] = reader.GetInt64(1);
            }
        }
        Interlocked.Exchange(ref news, New()).SetResult();
    }

    private static TaskCompletionSource New() => new(TaskCreationOptions.RunContinuationsAsynchronously);

    [LoggerMessage(LogLevel.Warning, "the log cannot be looked at for the console's pages, trying again: {Why}")]
    private partial void LogFailed(string why);
}

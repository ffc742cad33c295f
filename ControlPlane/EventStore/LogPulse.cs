using Npgsql;

namespace AccessPlane.ControlPlane.EventStore;

/// <summary>
/// Wakes whoever follows the log: at once within this process, by LISTEN/NOTIFY in all others. Notifications are sent beside the appends and
/// gathered, because a NOTIFY inside them would make all commits of the database queue behind each other.
/// </summary>
public sealed partial class LogPulse(NpgsqlDataSource database, TimeProvider clock, ILogger<LogPulse> logger) : BackgroundService
{
    public const string Channel = "accessplane_log";
    private static readonly TimeSpan Reconnect = TimeSpan.FromMilliseconds(500);
    private readonly Guid self = Guid.CreateVersion7(clock.GetUtcNow());
    private readonly Lock guard = new();
    private readonly SemaphoreSlim toSend = new(0, 1);
    private TaskCompletionSource next = New();
    private long beats;

    /// <summary>Completes with the next append, wherever it happens. Take it before looking, await it when there was nothing to see.</summary>
    public Task Next
    {
        get
        {
            lock (guard)
            {
                return next.Task;
            }
        }
    }

    /// <summary>How often <see cref="Next"/> completed: whatever was appended before it was, and was told of, can be read by now.</summary>
    public long Beats
    {
        get
        {
            lock (guard)
            {
                return beats;
            }
        }
    }

    /// <summary>Something was appended here.</summary>
    internal void Beat()
    {
        Wake();
        try
        {
            toSend.Release();
        }
        catch (SemaphoreFullException)
        {
            // one is waiting to be sent already: it stands for this one too
        }
    }

    protected override Task ExecuteAsync(CancellationToken stoppingToken) =>
        Task.WhenAll(Persist(Listen, stoppingToken), Persist(Send, stoppingToken));

    private async Task Persist(Func<CancellationToken, Task> work, CancellationToken stopping)
    {
        while (!stopping.IsCancellationRequested)
        {
            try
            {
                await work(stopping);
            }
            catch (OperationCanceledException) when (stopping.IsCancellationRequested)
            {
                return;
            }
            catch (Exception lost)
            {
                LogLost(lost.Message);
                await Task.Delay(Reconnect, clock, stopping).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }
    }

    private async Task Listen(CancellationToken cancel)
    {
        await using var connection = await database.OpenConnectionAsync(cancel);
        connection.Notification += (_, told) => Hear(told.Payload);
        try
        {
            await using (var listen = new NpgsqlCommand($"LISTEN {Channel}", connection))
            {
                await listen.ExecuteNonQueryAsync(cancel);
            }
            Wake(); // what came while nobody listened
            while (true)
            {
                await connection.WaitAsync(cancel);
            }
        }
        finally
        {
            await Schema.LetGo(database, connection);
        }
    }

    private async Task Send(CancellationToken cancel)
    {
        while (true)
        {
            await toSend.WaitAsync(cancel);
            // all notifications of a database queue behind each other until their commits are over: not for the disk, too
            await using var notify = database.CreateCommand($"SELECT pg_notify('{Channel}', '{self:N}'), {Schema.Unawaited}");
            await notify.ExecuteNonQueryAsync(cancel);
        }
    }

    /// <summary>What was appended here was told here before.</summary>
    private void Hear(string by)
    {
        if (!by.Equals(self.ToString("N"), StringComparison.Ordinal))
        {
            Wake();
        }
    }

    private void Wake()
    {
        TaskCompletionSource beat;
        lock (guard)
        {
            beat = next;
            next = New();
            beats++;
        }
        beat.SetResult();
    }

    private static TaskCompletionSource New() => new(TaskCreationOptions.RunContinuationsAsynchronously);

    public override void Dispose()
    {
        toSend.Dispose();
        base.Dispose();
    }

    [LoggerMessage(LogLevel.Warning, "lost touch with the log, trying again: {Why}")]
    private partial void LogLost(string why);
}

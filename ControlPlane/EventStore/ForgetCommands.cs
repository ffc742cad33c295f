using Npgsql;

namespace AccessPlane.ControlPlane.EventStore;

/// <summary>
/// Forgets what serves for a while: which commands were carried out, and what may come once, after a week. An Idempotency-Key stands for its command that long. Whoever
/// tries again does so within hours, a review's token lives five minutes, and an agent's report is taken for a day.
/// </summary>
public sealed partial class ForgetCommands(NpgsqlDataSource database, TimeProvider clock, ILogger<ForgetCommands> logger) : BackgroundService
{
    public static readonly TimeSpan Retention = TimeSpan.FromDays(7);

    /// <summary>Messages in Slack are forgotten when what they are about is decided; this is for those whose destination is configured no more.</summary>
    public static readonly TimeSpan RetentionOfMessages = TimeSpan.FromDays(90);
    private static readonly TimeSpan Every = TimeSpan.FromHours(1);

    // small enough that appends hardly notice
    private const int AtOnce = 1_000;

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Every, clock);
        do
        {
            try
            {
                await Forget(stoppingToken);
            }
            catch (Exception failed) when (!stoppingToken.IsCancellationRequested)
            {
                LogFailed(failed.Message);
            }
        }
        while (await timer.WaitForNextTickAsync(stoppingToken));
    }

    /// <summary>Forgets everything that is old enough. Safe beside any number of replicas that do the same.</summary>
    public async Task Forget(CancellationToken cancel)
    {
        var now = clock.GetUtcNow();
        foreach (var (table, retention) in ((string, TimeSpan)[])[("ap_commands", Retention), ("once", Retention), ("slack_messages", RetentionOfMessages)])
        {
            while (await ForgetSome(table, now - retention, cancel) == AtOnce)
            {
                // a full batch: the next one at once
            }
        }
    }

    private async Task<int> ForgetSome(string table, DateTimeOffset before, CancellationToken cancel)
    {
        await using var command = database.CreateCommand(
            $"""
            DELETE FROM {Schema.Name}.{table} WHERE ctid = ANY (ARRAY(
                SELECT ctid FROM {Schema.Name}.{table} WHERE at < $1 ORDER BY at LIMIT {AtOnce} FOR UPDATE SKIP LOCKED))
            """);
        command.Parameters.Add(new NpgsqlParameter<DateTimeOffset> { TypedValue = before });
        return await command.ExecuteNonQueryAsync(cancel);
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "old commands could not be forgotten, trying again in an hour: {Why}")]
    private partial void LogFailed(string why);
}

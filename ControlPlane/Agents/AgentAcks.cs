using System.Collections.Concurrent;
using AccessPlane.ControlPlane.EventStore;
using Npgsql;

namespace AccessPlane.ControlPlane.Agents;

/// <summary>Waits until agents have put a position of the log in force. Fed by NOTIFY, whichever replica took the agent's word.</summary>
public sealed partial class AgentAcks(NpgsqlDataSource database, AgentTable table, TimeProvider clock, ILogger<AgentAcks> logger) : BackgroundService
{
    private static readonly TimeSpan Reconnect = TimeSpan.FromMilliseconds(200);
    private readonly ConcurrentDictionary<string, TaskCompletionSource> next = new(StringComparer.Ordinal);

    public Task<IReadOnlyDictionary<string, AgentProgress>> Status(CancellationToken cancel) => table.All(cancel);

    /// <summary>Whether the agent has applied everything up to a position within the time.</summary>
    public async Task<bool> WaitFor(string agent, long position, TimeSpan within, CancellationToken cancel)
    {
        using var patience = new CancellationTokenSource(within, clock);
        using var both = CancellationTokenSource.CreateLinkedTokenSource(cancel, patience.Token);
        while (true)
        {
            var word = next.GetOrAdd(agent, _ => New()).Task;
            if ((await table.All(cancel)).TryGetValue(agent, out var progress) && progress.Applied >= position)
            {
                return true;
            }
            try
            {
                await word.WaitAsync(both.Token);
            }
            catch (OperationCanceledException) when (patience.IsCancellationRequested && !cancel.IsCancellationRequested)
            {
                return false;
            }
        }
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                await Listen(stoppingToken);
            }
            catch (Exception lost) when (!stoppingToken.IsCancellationRequested)
            {
                LogLost(lost.Message);
                await Task.Delay(Reconnect, clock, stoppingToken);
            }
        }
    }

    private async Task Listen(CancellationToken cancel)
    {
        await using var connection = await database.OpenConnectionAsync(cancel);
        connection.Notification += (_, word) => Heard(word.Payload);
        try
        {
            await using (var listen = new NpgsqlCommand($"listen {AgentTable.Channel}", connection))
            {
                await listen.ExecuteNonQueryAsync(cancel);
            }
            // what came while nobody listened: everyone looks again
            foreach (var agent in next.Keys)
            {
                Heard(agent);
            }
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

    private void Heard(string agent)
    {
        if (next.TryRemove(agent, out var waiting))
        {
            waiting.TrySetResult();
        }
    }

    private static TaskCompletionSource New() => new(TaskCreationOptions.RunContinuationsAsynchronously);

    [LoggerMessage(Level = LogLevel.Warning, Message = "the connection that hears of agents' words was lost: {Why}")]
    private partial void LogLost(string why);
}

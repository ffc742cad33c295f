using Npgsql;

namespace AccessPlane.ControlPlane.EventStore;

/// <summary>
/// Runs one subscription: takes its advisory lock or waits for it, follows the log, stores the checkpoint on the connection that holds the lock.
/// An owner whose connection dies cannot store a checkpoint any more and starts again; the lock went with the connection, so that another replica
/// takes over within a second.
/// </summary>
public sealed partial class SubscriptionRunner(
    Subscription subscription, EventLog log, LogTail tail, LogPulse pulse, NpgsqlDataSource database, TimeProvider clock, ILogger<SubscriptionRunner> logger)
    : BackgroundService
{
    private const int PatienceSeconds = 5;
    private static readonly TimeSpan Candidacy = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan Poll = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(5);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        var pause = TimeSpan.FromMilliseconds(100);
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                await Own(() => pause = TimeSpan.FromMilliseconds(100), stoppingToken);
            }
            catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
            {
                return;
            }
            catch (Exception failure)
            {
                LogFailure(failure, subscription.Name, pause.TotalMilliseconds);
                await Task.Delay(pause, clock, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                pause = pause * 2 < LongestPause ? pause * 2 : LongestPause;
            }
        }
    }

    private async Task Own(Action worked, CancellationToken cancel)
    {
        await using var connection = await database.OpenConnectionAsync(cancel);
        // the server notices within seconds that the owner's machine is gone, too
        await Execute(connection, "SET tcp_keepalives_idle = 3; SET tcp_keepalives_interval = 1; SET tcp_keepalives_count = 3", cancel);
        while (!await TryLock(connection, cancel))
        {
            await Task.Delay(Candidacy, clock, cancel);
        }
        try
        {
            await Follow(connection, worked, cancel);
        }
        finally
        {
            await subscription.End();
            await Schema.LetGo(connection);
        }
    }

    private async Task Follow(NpgsqlConnection connection, Action worked, CancellationToken cancel)
    {
        var checkpoint = await Checkpoint(connection, cancel) ?? await First(connection, cancel);
        var (stored, storedAt) = (checkpoint, clock.GetTimestamp());
        await WhileOwner(connection, owned => subscription.Begin(checkpoint, owned), cancel);
        LogOwner(subscription.Name, checkpoint);
        while (true)
        {
            var changed = pulse.Next;
            var page = await tail.Read(checkpoint, subscription.Types, subscription.MostAtOnce, cancel);
            if (page.Events.Count > 0)
            {
                await WhileOwner(connection, owned => subscription.Handle(page.Events, owned), cancel);
            }
            checkpoint = Math.Max(checkpoint, page.Position);
            // where nothing was done there is nothing that must not be done twice: that is stored with the next poll
            if (checkpoint > stored && (page.Events.Count > 0 || clock.GetElapsedTime(storedAt) >= Poll))
            {
                await Store(connection, checkpoint, cancel);
                (stored, storedAt) = (checkpoint, clock.GetTimestamp());
                worked();
            }
            if (!page.More)
            {
                // the poll only backs the pulse up; it also finds out that the lock's connection has died
                await Task.WhenAny(changed, Task.Delay(Poll, clock, cancel));
                cancel.ThrowIfCancellationRequested();
                if (!changed.IsCompleted)
                {
                    await Execute(connection, "SELECT 1", cancel);
                }
            }
        }
    }

    /// <summary>Work that takes long is told when the connection that holds the lock is lost: another replica may have begun the same work.</summary>
    private async Task WhileOwner(NpgsqlConnection connection, Func<CancellationToken, Task> work, CancellationToken cancel)
    {
        using var owned = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        var working = work(owned.Token);
        try
        {
            while (await Task.WhenAny(working, Task.Delay(Poll, clock, cancel)) != working && !cancel.IsCancellationRequested)
            {
                await Execute(connection, "SELECT 1", cancel);
            }
        }
        catch (NpgsqlException)
        {
            await owned.CancelAsync();
            await working.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            throw;
        }
        await working;
    }

    private async Task<bool> TryLock(NpgsqlConnection connection, CancellationToken cancel)
    {
        await using var command = new NpgsqlCommand("SELECT pg_try_advisory_lock(hashtextextended($1, 0))", connection)
        {
            Parameters = { new NpgsqlParameter { Value = $"{Schema.Name}/subscription/{subscription.Name}" } },
        };
        return (bool)(await command.ExecuteScalarAsync(cancel))!;
    }

    /// <summary>Where it begins is stored at once: a restart before its first event must not move it.</summary>
    private async Task<long> First(NpgsqlConnection connection, CancellationToken cancel)
    {
        if (!subscription.StartsNow)
        {
            return 0;
        }
        var head = await log.Head(cancel);
        await Store(connection, head, cancel);
        return head;
    }

    private async Task<long?> Checkpoint(NpgsqlConnection connection, CancellationToken cancel)
    {
        await using var command = new NpgsqlCommand($"SELECT last_seq_id FROM {Schema.Name}.mt_event_progression WHERE name = $1", connection)
        {
            Parameters = { new NpgsqlParameter { Value = subscription.Name } },
        };
        return await command.ExecuteScalarAsync(cancel) is long stored ? stored : null;
    }

    /// <summary>One that a crash of the database takes is a repetition, and those there are.</summary>
    private async Task Store(NpgsqlConnection connection, long checkpoint, CancellationToken cancel)
    {
        await using var command = new NpgsqlCommand(
            $"""
            INSERT INTO {Schema.Name}.mt_event_progression (name, last_seq_id, last_updated) VALUES ($1, $2, transaction_timestamp())
            ON CONFLICT (name) DO UPDATE SET last_seq_id = excluded.last_seq_id, last_updated = excluded.last_updated RETURNING {Schema.Unawaited}
            """, connection)
        {
            Parameters = { new NpgsqlParameter { Value = subscription.Name }, new NpgsqlParameter { Value = checkpoint } },
            CommandTimeout = PatienceSeconds,
        };
        await command.ExecuteNonQueryAsync(cancel);
    }

    private static async Task Execute(NpgsqlConnection connection, string sql, CancellationToken cancel)
    {
        await using var command = new NpgsqlCommand(sql, connection) { CommandTimeout = PatienceSeconds };
        await command.ExecuteNonQueryAsync(cancel);
    }

    [LoggerMessage(LogLevel.Information, "owner of the subscription `{Name}`, from position {Checkpoint}")]
    private partial void LogOwner(string name, long checkpoint);

    [LoggerMessage(LogLevel.Error, "the subscription `{Name}` failed, trying again in {Pause} ms")]
    private partial void LogFailure(Exception failure, string name, double pause);
}

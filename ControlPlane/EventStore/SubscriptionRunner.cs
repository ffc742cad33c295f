using Npgsql;

namespace AccessPlane.ControlPlane.EventStore;

/// <summary>
/// Runs one subscription: takes its lock or waits for it, follows the log, stores the checkpoint over the connection that holds the lock
/// (<see cref="Ownership"/>). An owner who lost it cannot store a checkpoint any more and starts again.
/// </summary>
public sealed partial class SubscriptionRunner(
    Subscription subscription, Ownership ownership, EventLog log, LogTail tail, LogPulse pulse, NpgsqlDataSource database, TimeProvider clock, ILogger<SubscriptionRunner> logger)
    : BackgroundService
{
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
            catch (OwnershipLostException)
            {
                LogLost(subscription.Name); // why is told once for all; it is taken again when there is a connection again
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
        await using var mine = await ownership.Take(subscription.Name, cancel);
        using var owner = CancellationTokenSource.CreateLinkedTokenSource(cancel, mine.Lost);
        try
        {
            await Follow(mine, worked, owner.Token);
        }
        catch (OperationCanceledException told) when (mine.Lost.IsCancellationRequested && !cancel.IsCancellationRequested)
        {
            throw new OwnershipLostException(mine.Name, told);
        }
        finally
        {
            await subscription.End();
        }
    }

    /// <param name="owner">Cancelled when this replica is the owner no more: work that takes long is told.</param>
    private async Task Follow(Ownership.Owned mine, Action worked, CancellationToken owner)
    {
        var checkpoint = await Checkpoint(owner) ?? await First(mine, owner);
        var (stored, storedAt) = (checkpoint, clock.GetTimestamp());
        await subscription.Begin(checkpoint, owner);
        LogOwner(subscription.Name, checkpoint);
        while (true)
        {
            var changed = pulse.Next;
            var page = await tail.Read(checkpoint, subscription.Types, subscription.MostAtOnce, owner);
            if (page.Events.Count > 0)
            {
                await subscription.Handle(page.Events, owner);
            }
            checkpoint = Math.Max(checkpoint, page.Position);
            // where nothing was done there is nothing that must not be done twice: that is stored with the next poll
            if (checkpoint > stored && (page.Events.Count > 0 || clock.GetElapsedTime(storedAt) >= Poll))
            {
                await mine.Store(checkpoint);
                (stored, storedAt) = (checkpoint, clock.GetTimestamp());
                worked();
            }
            if (!page.More)
            {
                await Task.WhenAny(changed, Task.Delay(Poll, clock, owner)); // the poll only backs the pulse up
                owner.ThrowIfCancellationRequested();
            }
        }
    }

    /// <summary>Where it begins is stored at once: a restart before its first event must not move it.</summary>
    private async Task<long> First(Ownership.Owned mine, CancellationToken cancel)
    {
        if (!subscription.StartsNow)
        {
            return 0;
        }
        var head = await log.Head(cancel);
        await mine.Store(head);
        return head;
    }

    private async Task<long?> Checkpoint(CancellationToken cancel)
    {
        await using var command = database.CreateCommand($"SELECT last_seq_id FROM {Schema.Name}.mt_event_progression WHERE name = $1");
        command.Parameters.Add(new NpgsqlParameter { Value = subscription.Name });
        return await command.ExecuteScalarAsync(cancel) is long stored ? stored : null;
    }

    [LoggerMessage(LogLevel.Information, "owner of the subscription `{Name}`, from position {Checkpoint}")]
    private partial void LogOwner(string name, long checkpoint);

    [LoggerMessage(LogLevel.Information, "owner of the subscription `{Name}` no more")]
    private partial void LogLost(string name);

    [LoggerMessage(LogLevel.Error, "the subscription `{Name}` failed, trying again in {Pause} ms")]
    private partial void LogFailure(Exception failure, string name, double pause);
}

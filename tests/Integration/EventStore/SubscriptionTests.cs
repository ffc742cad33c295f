using System.Collections.Concurrent;
using AccessPlane.Contracts;
using AccessPlane.Contracts.Events;
using AccessPlane.Contracts.Identity;
using AccessPlane.ControlPlane.EventStore;
using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;
using Xunit;

namespace AccessPlane.Tests.Integration.EventStore;

public sealed class SubscriptionTests(TestDatabase database) : IClassFixture<TestDatabase>
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(90);
    private static readonly TimeSpan TakeOver = TimeSpan.FromSeconds(5);
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    /// <summary>Notes what it is given, and fails as often as it is told to.</summary>
    private sealed class Noting(string name, ConcurrentQueue<Guid> seen, int failures = 0) : Subscription
    {
        private int left = failures;
        public override string Name => name;
        public override IReadOnlyCollection<string>? Types { get; } = ["resource_registered"];
        public TaskCompletionSource Owner { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public override Task Begin(long checkpoint, CancellationToken cancel)
        {
            Owner.TrySetResult();
            return Task.CompletedTask;
        }

        public override Task Handle(IReadOnlyList<Stored> events, CancellationToken cancel)
        {
            if (Interlocked.Decrement(ref left) >= 0)
            {
                throw new InvalidOperationException("it does not work yet");
            }
            foreach (var stored in events)
            {
                seen.Enqueue(stored.Stream);
            }
            return Task.CompletedTask;
        }
    }

    private SubscriptionRunner Runner(Subscription subscription, NpgsqlDataSource? source = null) =>
        new(subscription, database.Log, new LogTail(database.Log, database.Pulse, TimeProvider.System), database.Pulse, source ?? database.Source, TimeProvider.System, NullLogger<SubscriptionRunner>.Instance);

    private async Task<Guid> Happen()
    {
        var stream = Guid.CreateVersion7();
        await database.Log.Append(
            new Append([new StreamAppend(stream, "resource", 0, [new ResourceRegistered("r", "postgresql")])], new EventContext(Actor.System("test"), Guid.Empty)), Cancel);
        return stream;
    }

    private static async Task Until(Func<bool> condition)
    {
        using var patience = new CancellationTokenSource(Patience);
        while (!condition())
        {
            await Task.Delay(10, patience.Token);
        }
    }

    [Fact]
    public async Task What_fails_comes_again_in_order_and_a_stored_checkpoint_is_where_the_next_one_begins()
    {
        var seen = new ConcurrentQueue<Guid>();
        var name = $"s{Guid.CreateVersion7():N}";
        using (var runner = Runner(new Noting(name, seen, failures: 2)))
        {
            await runner.StartAsync(Cancel);
            var (first, second) = (await Happen(), await Happen());
            await Until(() => seen.Contains(second));
            Assert.True(seen.ToList().IndexOf(first) < seen.ToList().IndexOf(second));
            await runner.StopAsync(Cancel);
        }
        var before = seen.Count;
        using var next = Runner(new Noting(name, seen));
        await next.StartAsync(Cancel);
        var third = await Happen();
        await Until(() => seen.Contains(third));
        await next.StopAsync(Cancel);
        Assert.Equal(third, seen.Last());
        Assert.InRange(seen.Count, before + 1, before + 2); // the last batch may come twice where its checkpoint was not stored any more
    }

    [Fact]
    public async Task One_replica_owns_it_and_another_takes_over_when_the_owner_stops()
    {
        var name = $"s{Guid.CreateVersion7():N}";
        var (first, second) = (new Noting(name, new ConcurrentQueue<Guid>()), new Noting(name, new ConcurrentQueue<Guid>()));
        using var owner = Runner(first);
        await owner.StartAsync(Cancel);
        await first.Owner.Task.WaitAsync(Patience, Cancel);
        using var standby = Runner(second);
        await standby.StartAsync(Cancel);
        await TurnedAway();
        Assert.False(second.Owner.Task.IsCompleted);

        await owner.StopAsync(Cancel); // its connection goes back to the pool, and lives
        await second.Owner.Task.WaitAsync(TakeOver, Cancel);
        await standby.StopAsync(Cancel);
    }

    [Fact]
    public async Task An_owner_that_stops_leaves_nothing_of_its_own_in_the_connection_that_the_next_one_gets()
    {
        await using var one = EventStoreFeature.Open($"{database.ConnectionString};Maximum Pool Size=1");
        await using (var before = await one.OpenConnectionAsync(Cancel))
        {
            Assert.Equal("on/0", await Setting(before));
        }
        var subscription = new Noting($"s{Guid.CreateVersion7():N}", new ConcurrentQueue<Guid>());
        using var runner = Runner(subscription, one);
        await runner.StartAsync(Cancel);
        await subscription.Owner.Task.WaitAsync(Patience, Cancel);
        await runner.StopAsync(Cancel);
        await using var after = await one.OpenConnectionAsync(Cancel);
        Assert.Equal("on/0", await Setting(after));

        static async Task<string> Setting(NpgsqlConnection connection)
        {
            await using var ask = new NpgsqlCommand(
                "SELECT current_setting('synchronous_commit') || '/' || count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()", connection);
            return (string)(await ask.ExecuteScalarAsync(Cancel))!;
        }
    }

    [Fact]
    public async Task An_owner_that_fails_lets_another_replica_work()
    {
        var (name, seen) = ($"s{Guid.CreateVersion7():N}", new ConcurrentQueue<Guid>());
        var failing = new Noting(name, new ConcurrentQueue<Guid>(), failures: int.MaxValue);
        using var owner = Runner(failing);
        await owner.StartAsync(Cancel);
        await failing.Owner.Task.WaitAsync(Patience, Cancel);
        using var standby = Runner(new Noting(name, seen));
        await standby.StartAsync(Cancel);
        var happened = await Happen();
        await Until(() => seen.Contains(happened));
        await Task.WhenAll(owner.StopAsync(Cancel), standby.StopAsync(Cancel));
    }

    [Fact]
    public async Task An_owner_whose_connection_dies_in_the_middle_of_its_work_is_told_and_another_takes_over()
    {
        var name = $"s{Guid.CreateVersion7():N}";
        var busy = new Busy(name);
        await using var doomed = new NpgsqlDataSourceBuilder(
            new NpgsqlConnectionStringBuilder(database.ConnectionString) { ApplicationName = name }.ConnectionString).Build();
        using var owner = Runner(busy, doomed);
        await owner.StartAsync(Cancel);
        var happened = await Happen();
        await busy.Working.Task.WaitAsync(Patience, Cancel);
        var seen = new ConcurrentQueue<Guid>();
        using var standby = Runner(new Noting(name, seen));
        await standby.StartAsync(Cancel);
        await using (var kill = database.Source.CreateCommand("SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = $1"))
        {
            kill.Parameters.Add(new NpgsqlParameter { Value = name });
            await kill.ExecuteScalarAsync(Cancel);
        }
        var since = System.Diagnostics.Stopwatch.StartNew();
        await busy.Told.Task.WaitAsync(TakeOver, Cancel);
        var told = since.Elapsed;
        await Until(() => seen.Contains(happened)); // its checkpoint was never stored
        var taken = since.Elapsed;
        await Task.WhenAll(owner.StopAsync(Cancel), standby.StopAsync(Cancel));
        FaultReport.Saw($"told after {told.TotalMilliseconds:0} ms; another had done its work after {taken.TotalMilliseconds:0} ms");
    }

    /// <summary>Works for ever, until it is told to stop.</summary>
    private sealed class Busy(string name) : Subscription
    {
        public override string Name => name;
        public override IReadOnlyCollection<string>? Types => null;
        public TaskCompletionSource Working { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
        public TaskCompletionSource Told { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public override async Task Handle(IReadOnlyList<Stored> events, CancellationToken cancel)
        {
            Working.TrySetResult();
            try
            {
                await Task.Delay(Timeout.Infinite, cancel);
            }
            finally
            {
                Told.TrySetResult();
            }
        }
    }

    /// <summary>Until a runner has asked for the lock and was turned away.</summary>
    private async Task TurnedAway()
    {
        await using var command = database.Source.CreateCommand(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state = 'idle' AND query LIKE 'SELECT pg_try_advisory_lock%'");
        using var patience = new CancellationTokenSource(Patience);
        while ((long)(await command.ExecuteScalarAsync(patience.Token))! == 0)
        {
            await Task.Delay(10, patience.Token);
        }
    }
}

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
        public int Begun { get; private set; }

        public override Task Begin(long checkpoint, CancellationToken cancel)
        {
            Begun++;
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

    /// <summary>One that runs some subscriptions and nothing else.</summary>
    private sealed class Replica : IAsyncDisposable
    {
        private readonly Ownership ownership;
        private readonly LogTail tail;
        private readonly SubscriptionRunner[] runners;

        private Replica(TestDatabase database, NpgsqlDataSource source, Subscription[] subscriptions)
        {
            ownership = new Ownership(source, TimeProvider.System, NullLogger<Ownership>.Instance);
            tail = new LogTail(database.Log, database.Pulse, TimeProvider.System);
            runners = [.. subscriptions.Select(s => new SubscriptionRunner(
                s, ownership, database.Log, tail, database.Pulse, database.Source, TimeProvider.System, NullLogger<SubscriptionRunner>.Instance))];
        }

        public static async Task<Replica> Start(TestDatabase database, NpgsqlDataSource source, params Subscription[] subscriptions)
        {
            var made = new Replica(database, source, subscriptions);
            await made.ownership.StartAsync(Cancel);
            await Task.WhenAll(made.runners.Select(r => r.StartAsync(Cancel)));
            return made;
        }

        public async ValueTask DisposeAsync()
        {
            await Task.WhenAll(runners.Select(r => r.StopAsync(Cancel)));
            await ownership.StopAsync(Cancel);
            Array.ForEach(runners, r => r.Dispose());
            ownership.Dispose();
            tail.Dispose();
        }
    }

    private Task<Replica> Start(params Subscription[] subscriptions) => Replica.Start(database, database.Source, subscriptions);

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
        await using (await Start(new Noting(name, seen, failures: 2)))
        {
            var (first, second) = (await Happen(), await Happen());
            await Until(() => seen.Contains(second));
            Assert.True(seen.ToList().IndexOf(first) < seen.ToList().IndexOf(second));
        }
        var before = seen.Count;
        Guid third;
        await using (await Start(new Noting(name, seen)))
        {
            third = await Happen();
            await Until(() => seen.Contains(third));
        }
        Assert.Equal(third, seen.Last());
        Assert.InRange(seen.Count, before + 1, before + 2); // the last batch may come twice where its checkpoint was not stored any more
    }

    [Fact]
    public async Task One_replica_owns_it_and_another_takes_over_when_the_owner_stops()
    {
        var name = $"s{Guid.CreateVersion7():N}";
        var (first, second) = (new Noting(name, new ConcurrentQueue<Guid>()), new Noting(name, new ConcurrentQueue<Guid>()));
        var owner = await Start(first);
        await first.Owner.Task.WaitAsync(Patience, Cancel);
        await using var standby = await Start(second);
        await TurnedAway();
        Assert.False(second.Owner.Task.IsCompleted);

        await owner.DisposeAsync(); // its connection goes back to the pool, and lives
        await second.Owner.Task.WaitAsync(TakeOver, Cancel);
    }

    [Fact]
    public async Task One_connection_holds_all_that_a_replica_owns_and_one_that_fails_is_let_go_alone()
    {
        var (good, bad) = ($"s{Guid.CreateVersion7():N}", $"s{Guid.CreateVersion7():N}");
        await using var source = Named($"{good[..8]}-owner");
        var (seen, taken) = (new ConcurrentQueue<Guid>(), new ConcurrentQueue<Guid>());
        var (works, fails) = (new Noting(good, seen), new Noting(bad, new ConcurrentQueue<Guid>(), failures: int.MaxValue));
        await using var replica = await Replica.Start(database, source, works, fails);
        await Task.WhenAll(works.Owner.Task, fails.Owner.Task).WaitAsync(Patience, Cancel);
        await using var connections = database.Source.CreateCommand("SELECT count(*) FROM pg_stat_activity WHERE application_name = $1");
        connections.Parameters.Add(new NpgsqlParameter { Value = $"{good[..8]}-owner" });
        Assert.Equal(1L, await connections.ExecuteScalarAsync(Cancel));

        await using var standby = await Start(new Noting(good, taken), new Noting(bad, taken));
        var happened = await Happen();
        await Until(() => seen.Contains(happened) && taken.Contains(happened));
        var later = await Happen();
        await Until(() => seen.Contains(later) && taken.Contains(later));
        Assert.Single(taken, later); // of the two that stood by, only the one whose owner failed came to work
    }

    [Fact]
    public async Task A_checkpoint_that_cannot_be_stored_is_its_owners_failure_and_nobody_elses()
    {
        var (good, stuck) = ($"s{Guid.CreateVersion7():N}", $"s{Guid.CreateVersion7():N}");
        var (seen, repeated) = (new ConcurrentQueue<Guid>(), new ConcurrentQueue<Guid>());
        var (works, fails) = (new Noting(good, seen), new Noting(stuck, repeated));
        await using var replica = await Start(works, fails);
        var first = await Happen();
        await Until(() => seen.Contains(first) && repeated.Contains(first));
        await StoredUpTo(stuck, first);

        Guid second;
        await using (var other = await database.Source.OpenConnectionAsync(Cancel))
        {
            await using var transaction = await other.BeginTransactionAsync(Cancel);
            await using (var hold = new NpgsqlCommand("SELECT FROM accessplane.mt_event_progression WHERE name = $1 FOR UPDATE", other, transaction) { Parameters = { new() { Value = stuck } } })
            {
                await hold.ExecuteNonQueryAsync(Cancel);
            }
            second = await Happen();
            await StoredUpTo(good, second);
            await Until(() => fails.Begun > 1);
        }
        await StoredUpTo(stuck, second);
        Assert.Equal(1, works.Begun);
        Assert.Equal([first, second], seen.Where(s => s == first || s == second));
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
        await using (await Replica.Start(database, one, subscription))
        {
            await subscription.Owner.Task.WaitAsync(Patience, Cancel);
        }
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
        await using var owner = await Start(failing);
        await failing.Owner.Task.WaitAsync(Patience, Cancel);
        await using var standby = await Start(new Noting(name, seen));
        var happened = await Happen();
        await Until(() => seen.Contains(happened));
    }

    [Fact]
    public async Task An_owner_whose_connection_dies_in_the_middle_of_its_work_is_told_and_another_takes_over()
    {
        var name = $"s{Guid.CreateVersion7():N}";
        var busy = new Busy(name);
        await using var doomed = Named(name);
        await using var owner = await Replica.Start(database, doomed, busy);
        var happened = await Happen();
        await busy.Working.Task.WaitAsync(Patience, Cancel);
        var seen = new ConcurrentQueue<Guid>();
        await using var standby = await Start(new Noting(name, seen));
        await TurnedAway();
        var since = System.Diagnostics.Stopwatch.StartNew();
        using var patience = new CancellationTokenSource(Patience);
        do
        {
            await using var kill = database.Source.CreateCommand("SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = $1");
            kill.Parameters.Add(new NpgsqlParameter { Value = name });
            await kill.ExecuteScalarAsync(Cancel);
            await Task.Delay(10, patience.Token); // it comes again, and may be first
        }
        while (!busy.Told.Task.IsCompleted || !seen.Contains(happened)); // its checkpoint was never stored
        FaultReport.Saw($"told, and another had done its work, after {since.ElapsedMilliseconds} ms");
        Assert.InRange(since.Elapsed, TimeSpan.Zero, TakeOver * 4); // a machine that is shared may be this much slower
    }

    private async Task StoredUpTo(string name, Guid stream)
    {
        await using var command = database.Source.CreateCommand(
            "SELECT p.last_seq_id >= e.seq_id FROM accessplane.mt_event_progression p, accessplane.mt_events e WHERE p.name = $1 AND e.stream_id = $2");
        command.Parameters.Add(new NpgsqlParameter { Value = name });
        command.Parameters.Add(new NpgsqlParameter { Value = stream });
        using var patience = new CancellationTokenSource(Patience);
        while (await command.ExecuteScalarAsync(patience.Token) is not true)
        {
            await Task.Delay(10, patience.Token);
        }
    }

    private NpgsqlDataSource Named(string application) => new NpgsqlDataSourceBuilder(
        new NpgsqlConnectionStringBuilder(database.ConnectionString) { ApplicationName = application }.ConnectionString).Build();

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
            """
            SELECT count(*) FROM pg_stat_activity a WHERE datname = current_database() AND state = 'idle' AND query LIKE 'SELECT pg_try_advisory_lock(%'
                AND NOT EXISTS (SELECT FROM pg_locks l WHERE l.pid = a.pid AND l.locktype = 'advisory')
            """);
        using var patience = new CancellationTokenSource(Patience);
        while ((long)(await command.ExecuteScalarAsync(patience.Token))! == 0)
        {
            await Task.Delay(10, patience.Token);
        }
    }
}

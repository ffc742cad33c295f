using System.Data;
using Npgsql;

namespace AccessPlane.ControlPlane.EventStore;

/// <summary>
/// What this replica owns: one connection holds the advisory locks of all its subscriptions, and their checkpoints are stored over it. A replica whose connection
/// dies owns nothing any more and can store nothing: the locks went with it, and another replica takes them within a second.
/// </summary>
public sealed partial class Ownership(NpgsqlDataSource database, TimeProvider clock, ILogger<Ownership> logger) : BackgroundService
{
    private static readonly TimeSpan Candidacy = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan Ending = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan Reconnect = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(5);

    private readonly Lock guard = new();
    private readonly List<Candidate> candidates = [];
    private readonly HashSet<Owned> owned = [];
    private readonly List<Checkpointing> checkpoints = [];
    private readonly List<Owned> released = [];
    private TaskCompletionSource toDo = New();

    /// <summary>Waits until this replica owns something; for as long as another one does.</summary>
    public async Task<Owned> Take(string name, CancellationToken cancel)
    {
        var candidate = new Candidate(name);
        lock (guard)
        {
            candidates.Add(candidate);
            toDo.TrySetResult();
        }
        await using (cancel.Register(() => candidate.Taken.TrySetCanceled(cancel)))
        {
            return await candidate.Taken.Task;
        }
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        var pause = Reconnect;
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                await Serve(() => pause = Reconnect, stoppingToken);
            }
            catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
            {
                return;
            }
            catch (Exception lost)
            {
                LogLost(lost.Message);
                await Task.Delay(pause, clock, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                pause = pause * 2 < LongestPause ? pause * 2 : LongestPause;
            }
        }
    }

    private async Task Serve(Action works, CancellationToken cancel)
    {
        await using var connection = await database.OpenConnectionAsync(cancel);
        var owner = new OwnerConnection(connection);
        Work work = default;
        try
        {
            await owner.Begin(cancel);
            works();
            while (true)
            {
                (var changed, work) = Next();
                if (work.Checkpoints is [_, ..] due)
                {
                    await Store(owner, due, cancel);
                }
                if (work.Released is [_, ..] over)
                {
                    await owner.Unlock([.. over.Select(o => o.Name)], cancel);
                    Array.ForEach(over, o => o.Over());
                }
                if (work.Candidates is [_, ..] those)
                {
                    await TryLock(owner, those, cancel);
                }
                await Task.WhenAny(changed, Task.Delay(UntilNext(), clock, cancel));
                cancel.ThrowIfCancellationRequested();
                if (!changed.IsCompleted)
                {
                    await owner.Lives(cancel);
                }
            }
        }
        finally
        {
            var lost = LoseAll(work.Released ?? []);
            if (connection.FullState == ConnectionState.Open)
            {
                // the locks are held until here: whoever works on ends first
                await Task.WhenAny(Task.WhenAll(lost.Select(o => o.Returned)), Task.Delay(Ending, clock, CancellationToken.None));
            }
            await Schema.LetGo(database, connection);
        }
    }

    /// <returns>What is to be done now, and what completes with what is to be done after that.</returns>
    private (Task Changed, Work Work) Next()
    {
        lock (guard)
        {
            if (toDo.Task.IsCompleted)
            {
                toDo = New();
            }
            candidates.RemoveAll(c => c.Taken.Task.IsCompleted);
            // INVARIANT: one connection gets a lock as often as it asks; what is owned here already is not asked for
            Candidate[] those = [.. candidates.Where(c => UntilTry(c) <= TimeSpan.Zero && !IsOwned(c)).DistinctBy(c => c.Name)];
            Work work = new([.. checkpoints], [.. released], those);
            checkpoints.Clear();
            released.Clear();
            return (toDo.Task, work);
        }
    }

    private bool IsOwned(Candidate candidate) => owned.Any(o => o.Name == candidate.Name);

    private TimeSpan UntilTry(Candidate candidate) => candidate.TriedAt is { } tried ? Candidacy - clock.GetElapsedTime(tried) : TimeSpan.Zero;

    private TimeSpan UntilNext()
    {
        lock (guard)
        {
            var next = candidates.Where(c => c.TriedAt is not null && !IsOwned(c)).Select(UntilTry).DefaultIfEmpty(Candidacy).Min();
            return next > TimeSpan.Zero ? next : TimeSpan.FromMilliseconds(1);
        }
    }

    /// <summary>One statement for all that wait. One that the database refuses is its owner's failure, and nobody else's.</summary>
    private static async Task Store(OwnerConnection owner, Checkpointing[] due, CancellationToken cancel)
    {
        try
        {
            if (await owner.Store(Positions(due), cancel) is not { } refused)
            {
                Array.ForEach(due, c => c.Stored.TrySetResult());
                return;
            }
            foreach (var one in due)
            {
                if ((due.Length == 1 ? refused : await owner.Store(Positions(one), cancel)) is { } its)
                {
                    one.Stored.TrySetException(its);
                }
                else
                {
                    one.Stored.TrySetResult();
                }
            }
        }
        catch (Exception lost)
        {
            Array.ForEach(due, c => c.Stored.TrySetException(new OwnershipLostException(c.Of.Name, lost)));
            throw;
        }
    }

    private static (string, long)[] Positions(params Checkpointing[] due) => [.. due.Select(c => (c.Of.Name, c.Position))];

    private async Task TryLock(OwnerConnection owner, Candidate[] those, CancellationToken cancel)
    {
        var locked = await owner.TryLock([.. those.Select(c => c.Name)], cancel);
        foreach (var (candidate, mine) in those.Zip(locked))
        {
            candidate.TriedAt = clock.GetTimestamp();
            if (mine)
            {
                Give(candidate);
            }
        }
    }

    private void Give(Candidate candidate)
    {
        var mine = new Owned(this, candidate.Name);
        lock (guard)
        {
            owned.Add(mine);
            if (!candidate.Taken.TrySetResult(mine))
            {
                Return(mine); // nobody waits for it any more
            }
        }
    }

    private Task Keep(Owned mine, long position)
    {
        var checkpointing = new Checkpointing(mine, position);
        lock (guard)
        {
            if (!owned.Contains(mine))
            {
                throw new OwnershipLostException(mine.Name, null);
            }
            checkpoints.Add(checkpointing);
            toDo.TrySetResult();
        }
        return checkpointing.Stored.Task;
    }

    private void Return(Owned mine)
    {
        lock (guard)
        {
            if (owned.Remove(mine))
            {
                released.Add(mine);
                toDo.TrySetResult();
            }
        }
    }

    /// <param name="releasing">Which were being let go.</param>
    /// <returns>What was owned.</returns>
    private Owned[] LoseAll(Owned[] releasing)
    {
        lock (guard)
        {
            Owned[] lost = [.. owned];
            Array.ForEach(releasing, o => o.Over());
            checkpoints.ForEach(c => c.Stored.TrySetException(new OwnershipLostException(c.Of.Name, null)));
            released.ForEach(o => o.Over());
            foreach (var mine in owned)
            {
                mine.Lose();
            }
            checkpoints.Clear();
            released.Clear();
            owned.Clear();
            return lost;
        }
    }

    private static TaskCompletionSource New() => new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Something that this replica owns, until it is disposed of or lost.</summary>
    public sealed class Owned : IAsyncDisposable
    {
        private readonly Ownership all;
        private readonly CancellationTokenSource lost = new();
        private readonly TaskCompletionSource over = New();
        private readonly TaskCompletionSource returned = New();

        internal Owned(Ownership all, string name) => (this.all, Name) = (all, name);

        public string Name { get; }

        /// <summary>Cancelled when the connection is gone: another replica may have begun the same work.</summary>
        public CancellationToken Lost => lost.Token;

        /// <summary>Nobody works on it any more.</summary>
        internal Task Returned => returned.Task;

        /// <exception cref="OwnershipLostException">It is not ours any more, and nothing is stored.</exception>
        public Task Store(long position) => all.Keep(this, position);

        /// <summary>Whoever wants it may have it, when this is over.</summary>
        public async ValueTask DisposeAsync()
        {
            returned.TrySetResult();
            all.Return(this);
            await over.Task;
        }

        internal void Over() => over.TrySetResult();

        internal void Lose()
        {
            Over();
            _ = lost.CancelAsync(); // whoever listens does so on threads of their own
        }
    }

    private sealed record Candidate(string Name)
    {
        public TaskCompletionSource<Owned> Taken { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        /// <summary>When another replica had it.</summary>
        public long? TriedAt { get; set; }
    }

    private sealed record Checkpointing(Owned Of, long Position)
    {
        public TaskCompletionSource Stored { get; } = New();
    }

    private readonly record struct Work(Checkpointing[] Checkpoints, Owned[] Released, Candidate[] Candidates);

    [LoggerMessage(LogLevel.Warning, "what this replica owned is lost with its connection to the log, trying again: {Why}")]
    private partial void LogLost(string why);
}

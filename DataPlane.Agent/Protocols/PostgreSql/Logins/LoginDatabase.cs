using System.Collections.Concurrent;
using AccessPlane.Agent.Protocols.PostgreSql.Masking;

namespace AccessPlane.Agent.Protocols.PostgreSql.Logins;

/// <summary>One database's just-in-time logins, and its masks as they were last found.</summary>
internal sealed class LoginDatabase : IAsyncDisposable
{
    /// <summary>What was found counts so long, as long as nothing in the database changes, without everything being looked at again.</summary>
    private static readonly TimeSpan Daily = TimeSpan.FromHours(24);

    private static readonly TimeSpan Kept = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);
    private static readonly TimeSpan Farewell = TimeSpan.FromSeconds(4);

    private const int MostLooks = 4;

    private readonly string name;
    private readonly LoginMemory memory;
    private readonly LoginRoles roles;
    private readonly PgErrands looks;

    /// <summary>Logins are made and dropped while others wait for a look.</summary>
    private readonly PgErrands chores;
    private readonly LoginRubbish rubbish;
    private readonly MaskSchemas schemas;
    private readonly TimeProvider time;
    private readonly ILogger log;
    private readonly SemaphoreSlim turn = new(1);
    private readonly Dictionary<string, Found> found = [];

    /// <summary>The same, for whoever does not wait for its turn.</summary>
    private readonly ConcurrentDictionary<string, Found> last = [];
    private readonly ConcurrentDictionary<string, (LoginGround Ground, Action<string> End)> live = [];
    private long asked;
    private Task? swept;

    public LoginDatabase(string name, string agent, string resource, LoginMemory memory, PgUpstream upstream, TimeProvider time, ILogger log)
    {
        (this.name, this.memory, this.time, this.log) = (name, memory, time, log);
        roles = new LoginRoles(agent, resource, name);
        looks = new PgErrands(cancel => upstream.Own(name, cancel), time, Kept, Patience);
        chores = new PgErrands(cancel => upstream.Own(name, cancel), time, Kept, Patience);
        rubbish = new LoginRubbish(roles, chores, time, log);
        schemas = new MaskSchemas(agent, resource, time);
    }

    /// <summary>What an earlier process left is cleared away, once.</summary>
    public async Task Sweep(CancellationToken cancel)
    {
        await turn.WaitAsync(cancel);
        try
        {
            await SweepOnce(cancel);
        }
        finally
        {
            turn.Release();
        }
    }

    /// <summary>A login for one session. Give it back when the session's backend is gone.</summary>
    /// <param name="end">Ends the session: what it must not see could be seen by now.</param>
    /// <returns>The login and what it was found by; without a login where masks do not stand. INVARIANT: no session runs before the look is over and has
    /// found the same: only the way to the database is prepared meanwhile.</returns>
    /// <exception cref="IOException">The database, or the agent's own disk, does not let it.</exception>
    public async Task<(JustInTimeCredential? Login, Found By, Task<Found> Look)> Take(LoginGround ground, Action<string> end, CancellationToken cancel)
    {
        var look = Look(ground, cancel);
        var by = last.GetValueOrDefault(ground.Key) is { Pool: not null } before ? before : await look;
        if (by.Pool is not { } pool)
        {
            return (null, by, look);
        }
        var login = await pool.Take(cancel);
        live[login.User] = (ground, end);
        return (login, by, look);
    }

    public void GiveBack(string role)
    {
        live.TryRemove(role, out _);
        rubbish.Add(role);
    }

    /// <summary>What was found while sessions run holds for them too.</summary>
    private void EndWhere(string key, MaskOutcome outcome)
    {
        foreach (var (_, end) in live.Values.Where(l => l.Ground.Key == key))
        {
            end($"what the policy hides could be seen by now: {outcome.Unavailable}");
        }
    }

    /// <summary>How masks stand for a kind of login, as of no earlier than this call. Set up, or kept as they have to be, where an admin has let the agent
    /// do so.</summary>
    public async Task<Found> Look(LoginGround ground, CancellationToken cancel)
    {
        var mine = Interlocked.Increment(ref asked);
        await turn.WaitAsync(cancel);
        try
        {
            await SweepOnce(cancel);
            var known = found.GetValueOrDefault(ground.Key);
            var mayApply = memory.IsSetUp(name);
            if (known is not null && known.MayApply == mayApply && known.Covers >= mine)
            {
                return known; // somebody else's look began after this one was asked for
            }
            var covers = Interlocked.Read(ref asked);
            var now = await looks.Run((own, c) => LookNow(own, ground, known, mayApply, c), cancel) with { Covers = covers };
            if (!ReferenceEquals(now.Pool, known?.Pool))
            {
                known?.Pool?.Close();
            }
            if (now.Pool is not null)
            {
                memory.Remember(name); // before there is a login that a later process would have to sweep
                now.Pool.Warm();
            }
            else
            {
                EndWhere(ground.Key, now.Outcome);
            }
            last[ground.Key] = now;
            return found[ground.Key] = now;
        }
        finally
        {
            turn.Release();
        }
    }

    /// <summary>Looks again for whoever is in a session now.</summary>
    public async Task LookForSessions(CancellationToken cancel)
    {
        foreach (var ground in live.Values.Select(l => l.Ground).DistinctBy(g => g.Key))
        {
            await Look(ground, cancel);
        }
    }

    /// <summary>Masks that no kind of login needs any more, and that no session uses, are taken down.</summary>
    public async Task Forget(IReadOnlyCollection<string> needed, CancellationToken cancel)
    {
        await turn.WaitAsync(cancel);
        try
        {
            foreach (var (key, old) in found.Where(f => !needed.Contains(f.Key) && IsIdle(f.Value)).ToList())
            {
                old.Pool?.Close();
                last.TryRemove(key, out _);
                found.Remove(key);
            }
            string[] kept = [.. found.Values.Select(f => f.Outcome.Group?.Role).OfType<string>()];
            foreach (var (group, whyNot) in await looks.Run((own, c) => schemas.Collect(own, kept, c), cancel))
            {
                PgLog.MasksTakenDown(log, name, group, whyNot);
            }
        }
        finally
        {
            turn.Release();
        }
    }

    /// <summary>The connections lead to another server than sessions do.</summary>
    public async Task Leave()
    {
        await looks.Drop();
        await chores.Drop();
    }

    private bool IsIdle(Found one) => one.Pool is null || time.GetElapsedTime(one.Pool.LastTaken) > TimeSpan.FromMinutes(10);

    private async Task SweepOnce(CancellationToken cancel)
    {
        if (swept is not { IsCompletedSuccessfully: true })
        {
            await (swept = rubbish.Sweep(cancel));
        }
    }

    private async Task<Found> LookNow(PgQueries own, LoginGround ground, Found? known, bool mayApply, CancellationToken cancel)
    {
        var before = await LoginFingerprint.Of(own, cancel);
        if (known is not null && known.MayApply == mayApply && known.Fingerprint == before && known.At == own.Cluster && time.GetElapsedTime(known.LookedAt) < Daily)
        {
            return known;
        }
        for (var looks = 1; ; looks++)
        {
            var outcome = await schemas.Ready(own, ground.Masked, ground.Terms, mayApply, cancel);
            var after = await LoginFingerprint.Of(own, cancel);
            if (after == before || looks == MostLooks)
            {
                return new Found(outcome, mayApply, before, time.GetTimestamp()) { At = own.Cluster, Pool = PoolOf(outcome, known, own.Cluster), Views = ViewsOf(outcome, known) };
            }
            before = after; // it changed while it was looked at, by these very masks perhaps
        }
    }

    private LoginPool? PoolOf(MaskOutcome outcome, Found? known, PgCluster? at) => outcome.Group is not { } group ? null
        : known is { Pool: { } pool } && !PgCluster.AreStrangers(known.At, at) && known.Outcome.Group?.Role == group.Role ? pool
        : new LoginPool(group.Role, roles, chores, rubbish, time, log);

    private static PgViews? ViewsOf(MaskOutcome outcome, Found? known)
    {
        if (outcome.Group is not { } group)
        {
            return null;
        }
        if (known is { Views: { } same, Outcome.Group: { } before } && before.SearchPath == group.SearchPath && before.Views.Count == group.Views.Count &&
            before.Views.All(v => group.Views.GetValueOrDefault(v.Key) == v.Value))
        {
            return same;
        }
        var masks = group.Schemas.ToDictionary(s => s.Base, s => s.Mask);
        return new PgViews(group.SearchPath, group.Views.Keys.ToDictionary(v => v, v => masks[masks.Keys.Where(s => v.StartsWith($"{s}.", StringComparison.Ordinal)).MaxBy(s => s.Length)!]));
    }

    public async ValueTask DisposeAsync()
    {
        var pools = found.Values.Select(f => f.Pool).OfType<LoginPool>().Distinct().ToList();
        pools.ForEach(p => p.Close());
        if (swept is not null)
        {
            // what is being made at this moment, and what sessions have that are about to end; where the database does not answer it is for the next process to sweep
            using var farewell = new CancellationTokenSource(Farewell, time);
            await Task.WhenAll(pools.Select(p => p.Filled)).WaitAsync(farewell.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            await rubbish.Sweep(farewell.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
        await rubbish.DisposeAsync();
        chores.Dispose();
        looks.Dispose();
        turn.Dispose();
    }

    /// <param name="Fingerprint">Of the database when it was looked at.</param>
    /// <param name="LookedAt">When everything was.</param>
    public sealed record Found(MaskOutcome Outcome, bool MayApply, string Fingerprint, long LookedAt)
    {
        /// <summary>Whoever asked by then has been answered.</summary>
        public long Covers { get; init; }
        public LoginPool? Pool { get; init; }

        /// <summary>The server that was looked at; null where it does not say.</summary>
        public PgCluster? At { get; init; }
        public PgViews? Views { get; init; }
    }
}

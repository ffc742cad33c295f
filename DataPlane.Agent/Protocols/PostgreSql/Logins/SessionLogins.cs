using System.Collections.Concurrent;
using AccessPlane.Agent.Gate;
using AccessPlane.Agent.Protocols.PostgreSql.Masking;
using AccessPlane.Contracts.Messages;
using AccessPlane.Contracts.Policy;
using AccessPlane.Contracts.Transcripts;

namespace AccessPlane.Agent.Protocols.PostgreSql.Logins;

/// <summary>
/// Who the sessions of one door are at their database: the agent's own login, or, where PostgreSQL itself hides columns, one that is made for each session
/// and dropped behind it. Keeps the masks as the policy in force has them, ahead of the sessions, and tells the control plane how they stand.
/// </summary>
internal sealed class SessionLogins : IAsyncDisposable
{
    private static readonly TimeSpan BetweenLooks = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan BetweenReports = TimeSpan.FromMinutes(5);

    private readonly string resource;
    private readonly MaskDesk desk;
    private readonly PgUpstream upstream;
    private readonly TimeProvider time;
    private readonly ILogger log;
    private readonly LoginMemory memory;
    private readonly ConcurrentDictionary<string, LoginDatabase> databases = [];
    private readonly Dictionary<string, (MaskingState State, long At)> told = [];
    private readonly CancellationTokenSource stopping = new();
    private Task work = Task.CompletedTask;

    public SessionLogins(string resource, MaskDesk desk, PgUpstream upstream, TimeProvider time, ILogger log)
    {
        (this.resource, this.desk, this.upstream, this.time, this.log) = (resource, desk, upstream, time, log);
        memory = new LoginMemory(desk.State, resource);
    }

    public void Start() => work = Task.Run(Work);

    /// <exception cref="PgStop">Masks are asked for, and cannot be relied on: there is no session.</exception>
    public async Task<PgSessionLogin> Take(Permit permit, CancellationToken cancel)
    {
        if (LoginGround.Of(permit) is not { } ground)
        {
            return new PgSessionLogin(upstream.OwnCredential, null, null);
        }
        if (ground.Terms.Privileges.Count == 0)
        {
            throw new PgStop(PgError.NotAuthorized, $"the grant leaves no privilege at the database: ask for access anew under `{permit.Grant.Entitlement}`");
        }
        try
        {
            var database = Database(permit.Database);
            var (login, by, look) = await database.Take(ground, why => permit.EndBy("policy", why), cancel);
            return login is not null
                ? new PgSessionLogin(login, by.Views, RecordOf(login, ground, by.Outcome))
                {
                    // the connection by which it was made may lead to another server than sessions do
                    Unknown = database.Leave,
                    GiveBack = () => database.GiveBack(login.User),
                    Confirm = at => Confirm(permit, database, by, look, at),
                }
                : throw Unavailable(by.Outcome.Unavailable ?? "the masks are not set up yet");
        }
        catch (Exception failed) when (failed is IOException or System.Net.Sockets.SocketException or ObjectDisposedException)
        {
            throw NotSeen(permit, failed);
        }
    }

    /// <summary>What was known before is what is found now.</summary>
    private async Task<MaskHelp?> Confirm(Permit permit, LoginDatabase database, LoginDatabase.Found by, Task<LoginDatabase.Found> look, PgCluster? at)
    {
        try
        {
            var now = await look;
            if (!ReferenceEquals(now.Pool, by.Pool) || !ReferenceEquals(now.Views, by.Views))
            {
                throw now.Pool is null ? Unavailable(now.Outcome.Unavailable ?? "the masks are not set up yet")
                    : Unavailable("the masks were changed at this moment: connect again");
            }
            if (at is not null && now.At is not null && at != now.At)
            {
                await database.Leave(); // the look was at a server that an open connection still led to
                throw Unavailable(PgCluster.Exchanged);
            }
            return now.Outcome.Group is { Schemas.Count: > 0 } group ? group.Help : null;
        }
        catch (Exception failed) when (failed is IOException or System.Net.Sockets.SocketException or ObjectDisposedException)
        {
            throw NotSeen(permit, failed);
        }
    }

    private PgStop NotSeen(Permit permit, Exception failed)
    {
        PgLog.MasksNotSeen(log, permit.Database, failed);
        return Unavailable("the database does not answer, or does not let the agent make a login");
    }

    /// <summary>What a door needs of databases that nobody has come for yet is made ready; the rest follows when somebody does.</summary>
    private async Task Work()
    {
        while (!stopping.IsCancellationRequested)
        {
            var changed = desk.Changed.Next;
            var seen = desk.Current;
            var again = await LookAtAll(seen) ? BetweenLooks : Timeout.InfiniteTimeSpan;
            var looked = time.GetTimestamp();
            while (!stopping.IsCancellationRequested && IsTheSame(seen, desk.Current) && (again < TimeSpan.Zero || time.GetElapsedTime(looked) < again))
            {
                await changed.WaitAsync(again, time, stopping.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                changed = desk.Changed.Next;
            }
        }
    }

    private static bool IsTheSame(Directives.Snapshot one, Directives.Snapshot two) =>
        ReferenceEquals(one.Policy, two.Policy) && ReferenceEquals(one.Masking, two.Masking);

    /// <returns>Whether there is anything to look at again, without being told.</returns>
    private async Task<bool> LookAtAll(Directives.Snapshot snapshot)
    {
        var policy = snapshot.Policy.Model;
        var masks = policy.Resource(resource)?.Masking == MaskingMode.Server;
        var named = masks ? policy.Entitlements.Where(e => e.Resource == resource).SelectMany(e => e.Scope.Databases) : [];
        foreach (var name in memory.Databases.Union(named).Union(databases.Keys))
        {
            try
            {
                await Database(name).Sweep(stopping.Token);
                if (masks)
                {
                    await LookAt(name, policy, snapshot.Masking.GetValueOrDefault((resource, name)));
                    await Database(name).LookForSessions(stopping.Token);
                }
            }
            catch (Exception failed) when (PgErrands.IsFailure(failed))
            {
                if (!stopping.IsCancellationRequested)
                {
                    PgLog.MasksNotSeen(log, name, failed);
                    Tell(new MaskingState(resource, name, MaskingState.PlanOf(""), MaskingStatus.Unavailable, "the database does not answer", "", []));
                }
            }
        }
        return masks || !databases.IsEmpty;
    }

    private async Task LookAt(string name, PolicyModel policy, MaskingApply? order)
    {
        var usual = LoginGround.Usual(policy, resource, name).Where(g => g.Terms.Privileges.Count > 0).ToList();
        var state = StateOf(name, await Outcomes(name, usual));
        if (state.Status == MaskingStatus.Planned && order?.Plan == state.Plan)
        {
            memory.Remember(name, isSetUp: true);
            state = StateOf(name, await Outcomes(name, usual));
        }
        Tell(state);
        if (state.Status == MaskingStatus.Ready)
        {
            await Database(name).Forget([.. usual.Select(g => g.Key)], stopping.Token);
        }
    }

    private async Task<List<MaskOutcome>> Outcomes(string name, List<LoginGround> usual)
    {
        var outcomes = new List<MaskOutcome>();
        foreach (var ground in usual)
        {
            outcomes.Add((await Database(name).Look(ground, stopping.Token)).Outcome);
        }
        return outcomes;
    }

    private MaskingState StateOf(string name, List<MaskOutcome> outcomes)
    {
        var isSetUp = memory.IsSetUp(name);
        var sql = string.Join("\n", outcomes.Select(o => o.Sql).Where(s => s.Length > 0));
        var missing = outcomes.Find(o => o.Group is null);
        // without an admin's word nothing is made yet: what keeps it from being made then is known already
        var planned = missing is not null && !isSetUp && sql.Length > 0;
        return new MaskingState(
            resource, name, MaskingState.PlanOf(sql), planned ? MaskingStatus.Planned : missing is null ? MaskingStatus.Ready : MaskingStatus.Unavailable,
            planned ? "an admin has to look at what the agent will set up, and order it" : missing?.Unavailable, sql,
            [.. outcomes.SelectMany(o => o.Findings).Distinct().OrderByDescending(f => f.Refuses)]).Bounded();
    }

    private void Tell(MaskingState now)
    {
        if (told.TryGetValue(now.Database, out var last) && time.GetElapsedTime(last.At) < BetweenReports && Same(last.State, now))
        {
            return;
        }
        told[now.Database] = (now, time.GetTimestamp());
        desk.Tell(now);
    }

    private static bool Same(MaskingState one, MaskingState two) => one with { Findings = [] } == two with { Findings = [] } && one.Findings.SequenceEqual(two.Findings);

    private LoginDatabase Database(string name) => databases.GetOrAdd(name, n => new LoginDatabase(n, desk.Agent, resource, memory, upstream, time, log));

    private static SessionLogin RecordOf(JustInTimeCredential login, LoginGround ground, MaskOutcome outcome) => new(
        login.User, outcome.Group!.Schemas is [var first, ..] ? first.Mask : null, [.. ground.Masked.Select(r => r.Id)], [.. ground.Exempt.Select(r => r.Id)]);

    private static PgStop Unavailable(string why) =>
        new(PgError.NotReady, $"masking: server unavailable: {why}", "tell the operator of this agent: no session opens while masked data could be seen");

    public async ValueTask DisposeAsync()
    {
        await stopping.CancelAsync();
        await work.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        foreach (var database in databases.Values)
        {
            await database.DisposeAsync();
        }
        stopping.Dispose();
    }
}

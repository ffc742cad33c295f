using AccessPlane.Agent.Directives;
using AccessPlane.Contracts.Messages;
using AccessPlane.Contracts.Policy;
using AccessPlane.Contracts.Sql;

namespace AccessPlane.Agent.Gate;

/// <summary>
/// Proof that the Gate admitted someone: the only way to dial an upstream takes one, and only the Gate makes one.
/// Carries the grant and the token that ends the session.
/// </summary>
public sealed class Permit : IDisposable
{
    private readonly LiveSessions live;
    private readonly InForce inForce;
    private readonly CancellationTokenSource ended = new();
    private volatile Standing standing;
    private volatile SessionEnd? end;
    private volatile LoginCheck? login;
    private Rulings rulings;
    private long cut;
    private int told;
    private int disposed;
    private volatile bool left;

    internal Permit(Guid session, GrantLease grant, ResourceTerms resource, string database, string login, LiveSessions live, InForce inForce)
    {
        Session = session;
        Grant = grant;
        Resource = resource;
        Database = database;
        Login = login;
        this.live = live;
        this.inForce = inForce;
        standing = inForce.Of(grant.Grant);
        rulings = new Rulings(standing.Lease, standing.Snapshot.Policy);
        Masks = ServerMasks.For(standing.Snapshot.Policy.Model, resource.Id, grant.Holder);
    }

    public Guid Session { get; }

    /// <summary>The grant as it was when the session was admitted; <see cref="Judge"/> looks at it as it is now.</summary>
    public GrantLease Grant { get; }
    public ResourceTerms Resource { get; }

    /// <summary>What the database itself hides from the holder, as of the admission: a session's login is made by exactly this and by
    /// <see cref="Grant"/>, and where either says something else by now the session ends.</summary>
    public ServerMasks Masks { get; }
    public string Database { get; }

    /// <summary>How the client proved itself: `ticket t_…` or `token`.</summary>
    public string Login { get; }

    /// <summary>Signals that the session must be cut now; <see cref="End"/> says why. Callbacks run on the thread pool.</summary>
    public CancellationToken Ended => ended.Token;

    /// <summary>Why the session must end; null while it may go on.</summary>
    public SessionEnd? End => end;

    /// <summary>False while forwarding is frozen (liveness lease too old, spool too full) and once the session must end. Asked for every message,
    /// from any thread: it reads a clock and a few fields, and does not rely on any timer having fired.</summary>
    public bool MayForward => end is null && !live.Frozen && MayForwardUnder(Standing());

    /// <summary>Completes when forwarding may go on, or when the session ended: false.</summary>
    public async ValueTask<bool> Thawed()
    {
        while (true)
        {
            var changed = inForce.Changed.Next;
            if (end is not null || left)
            {
                return false;
            }
            if (MayForward)
            {
                return true;
            }
            await changed.WaitAsync(ended.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    /// <summary>Judges an operation by what is in force now: is the grant alive, what does the policy say of the statement. Called by the session alone.
    /// A repeat of facts that were judged under the same snapshot allocates nothing.</summary>
    public Ruling Judge(StatementFacts facts, bool inTransaction = false)
    {
        var now = Standing();
        if (end is { } ordered)
        {
            return Denied(ordered.Message, now);
        }
        if (WhyNot(now) is { } why)
        {
            return Denied(why.Message, now);
        }
        if (!rulings.Hold(now))
        {
            rulings = new Rulings(now.Lease, now.Snapshot.Policy);
        }
        return rulings.Of(facts, inTransaction);
    }

    /// <summary>The bounds that the policy in force sets for this session.</summary>
    public SessionLimits Limits
    {
        get
        {
            var now = Standing();
            if (!rulings.Hold(now))
            {
                rulings = new Rulings(now.Lease, now.Snapshot.Policy);
            }
            return rulings.Limits ??= SessionLimits.Of(now.Snapshot.Policy.Model, Grant.Resource, Grant.Holder);
        }
    }

    /// <summary>The session ends itself, for a reason of its own.</summary>
    public void EndBy(string cause, string message)
    {
        if (Order(new SessionEnd(cause, message, inForce.Clock.GetTimestamp(), new Word(1))))
        {
            Signal();
        }
    }

    /// <summary>Called by the session when it ends, for whatever reason: what waits for a thaw waits no longer.</summary>
    public void Leave()
    {
        left = true;
        Signal();
    }

    /// <summary>Called by the session once no byte of it passes any more in either direction: the latency of the cut since the order arrived,
    /// null where nobody ordered one.</summary>
    public TimeSpan? Cut()
    {
        if (end is not { } order)
        {
            return null;
        }
        Interlocked.CompareExchange(ref cut, inForce.Clock.GetTimestamp(), 0);
        return inForce.Clock.GetElapsedTime(order.OrderedAt, cut);
    }

    /// <summary>Called by the session once its client knows that it is over. Completes when all whom the same order ends know.</summary>
    public Task Told() => end is not { } order ? Task.CompletedTask : Interlocked.Exchange(ref told, 1) == 0 ? order.Word.Given() : order.Word.All;

    /// <summary>The session is over: it is no longer counted or cut.</summary>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref disposed, 1) == 0)
        {
            _ = Told();
            live.Left(this, Cut());
        }
    }

    /// <summary>Marks the end; the first order wins. No message is forwarded from here on, even before the session's callbacks ran.</summary>
    internal bool Order(SessionEnd order) => Interlocked.CompareExchange(ref end, order, null) is null;

    /// <summary>Runs the session's callbacks, each on the thread pool: 200 sessions are cut side by side.</summary>
    internal void Signal() => _ = ended.CancelAsync();

    internal Standing Standing()
    {
        var before = standing;
        var now = inForce.Of(Grant.Grant, before);
        if (!ReferenceEquals(before, now))
        {
            standing = now;
        }
        return now;
    }

    /// <summary>Why the session may not go on under what is in force; null when it may.</summary>
    internal Ending? WhyNot(Standing now)
    {
        if (inForce.WhyNot(now) is { } over)
        {
            return over;
        }
        var known = login;
        if (known is null || !ReferenceEquals(known.Standing, now))
        {
            login = known = new LoginCheck(now, LoginCheck.WhyNot(this, now));
        }
        return known.Why;
    }

    private bool MayForwardUnder(Standing now) => WhyNot(now) is null && inForce.LeaseHeld(now.Terms!);

    private Ruling Denied(string message, Standing now) =>
        new(Effect.Deny, [new Reason(Grant.Entitlement, Effect.Deny, message)], now.Snapshot.Policy.Version);

    /// <summary>Rulings by the identity of the facts: whoever makes facts keeps them by exact text.</summary>
    private sealed class Rulings(GrantLease? lease, PublishedPolicy policy)
    {
        private const int Most = 1024;
        private readonly Dictionary<StatementFacts, Ruling> outside = new(ReferenceEqualityComparer.Instance);
        private readonly Dictionary<StatementFacts, Ruling> inside = new(ReferenceEqualityComparer.Instance);

        public SessionLimits? Limits { get; set; }

        public bool Hold(Standing now) => ReferenceEquals(lease, now.Lease) && ReferenceEquals(policy, now.Snapshot.Policy);

        public Ruling Of(StatementFacts facts, bool inTransaction)
        {
            var known = inTransaction ? inside : outside;
            if (known.TryGetValue(facts, out var ruling))
            {
                return ruling;
            }
            if (known.Count == Most)
            {
                known.Clear();
            }
            var context = new OperationContext(lease!.Resource, lease.Holder, lease.Entitlement, lease.Scope, inTransaction);
            return known[facts] = Evaluator.Judge(facts, context, policy);
        }
    }
}

/// <param name="Cause">As in <see cref="AccessPlane.Contracts.Events.SessionTerminated"/>.</param>
/// <param name="Message">For the client: what happened and what to do.</param>
/// <param name="OrderedAt">Timestamp (of the <see cref="TimeProvider"/>) of the order's arrival, for the latency of the cut.</param>
/// <param name="Word">Shared by all whom the order ends.</param>
public sealed record SessionEnd(string Cause, string Message, long OrderedAt, Word Word);

/// <summary>The word that it is over, to all whom one order ends: a hundred backends that exit at once take every processor, and whoever is still to
/// be told would wait for them.</summary>
public sealed class Word(int listeners)
{
    private readonly TaskCompletionSource all = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int left = listeners;

    public Task All => all.Task;

    /// <summary>One more has it.</summary>
    public Task Given()
    {
        if (Interlocked.Decrement(ref left) == 0)
        {
            all.TrySetResult();
        }
        return all.Task;
    }
}

using AccessPlane.Contracts.Messages;
using AccessPlane.Contracts.Policy;

namespace AccessPlane.Agent.Directives;

/// <summary>
/// What holds at this moment: the snapshot, the control plane's time, and how long ago the control plane was last known to reach this agent.
/// Sessions ask it for every message, so that nothing hangs on a timer that came late.
/// </summary>
public sealed class InForce(string agent, TimeProvider clock)
{
    private volatile Snapshot current = Snapshot.Empty;
    private volatile string? halted;
    private volatile string? refused;
    private volatile string? warning;
    private long leaseFrom = long.MinValue;

    public string Agent { get; } = agent;
    public Snapshot Current => current;
    public ControlPlaneClock Time { get; } = new(clock);

    /// <summary>The same, where only timestamps and dates are wanted.</summary>
    public TimeProvider Clock => Time;

    /// <summary>Beats whenever something here changed.</summary>
    public Pulse Changed { get; } = new();

    /// <summary>Why everything is frozen until an operator looks: an order that this version does not understand, or a control plane that went back in time.</summary>
    public string? Halted => halted;

    /// <summary>Of this process: another one with the same identity has another.</summary>
    public Guid Instance { get; } = Guid.CreateVersion7((clock ?? throw new ArgumentNullException(nameof(clock))).GetUtcNow());

    /// <summary>Why nobody new is admitted, until the control plane renews the lease: its log was set back, or another process has this agent's identity.</summary>
    public string? Refused => refused;

    /// <summary>What the control plane warns of; the agent serves all the same.</summary>
    public string? Warning => warning;

    /// <summary>Time since the control plane last proved that its orders arrive.</summary>
    public TimeSpan LeaseAge
    {
        get
        {
            var from = Volatile.Read(ref leaseFrom);
            return from == long.MinValue ? TimeSpan.MaxValue : Clock.GetElapsedTime(from);
        }
    }

    /// <summary>Whether sessions of a resource may forward, as far as the liveness lease goes.</summary>
    public bool LeaseHeld(ResourceTerms terms) => halted is null && LeaseAge < (terms ?? throw new ArgumentNullException(nameof(terms))).FreezeAfter;

    /// <summary>How a grant stands in the current snapshot. Kept by each session: looking it up again is needed only when the snapshot was swapped.</summary>
    internal Standing Of(Guid grant, Standing? before = null)
    {
        var snapshot = current;
        if (before is not null && ReferenceEquals(before.Snapshot, snapshot))
        {
            return before;
        }
        return snapshot.Grants.TryGetValue(grant, out var lease)
            ? new Standing(snapshot, lease, snapshot.Policy.Model.Resource(lease.Resource), snapshot.LocksOn(lease, Agent))
            : new Standing(snapshot, null, null, []);
    }

    /// <summary>Why a grant may not be used at this moment; null when it may. Expiry and locks are computed here, whatever message is late.</summary>
    internal Ending? WhyNot(Standing standing)
    {
        if (standing.Lease is not { } lease)
        {
            return new Ending("revoked", "the grant has ended");
        }
        if (standing.Terms is null)
        {
            return new Ending("policy", "the resource is not in the policy any more");
        }
        foreach (var order in standing.Locks)
        {
            if (order.Until is not { } until || Time.Earliest < until)
            {
                return new Ending("locked", $"access is locked: {order.Reason}");
            }
        }
        return Time.Latest >= lease.NotAfter
            ? new Ending("expired", $"the grant expired at {lease.NotAfter:yyyy-MM-dd HH:mm:ss}Z: ask for access again")
            : null;
    }

    internal void Swap(Snapshot next)
    {
        current = next;
        Changed.Beat();
    }

    /// <param name="from">Timestamp before the asking left: the lease counts from there, never from the answer's arrival.</param>
    internal void RenewLease(long from)
    {
        if (from > Volatile.Read(ref leaseFrom))
        {
            Volatile.Write(ref leaseFrom, from);
            Changed.Beat();
        }
    }

    /// <returns>Whether that is news.</returns>
    internal bool Refuse(string? why)
    {
        if (refused == why)
        {
            return false;
        }
        refused = why;
        Changed.Beat();
        return true;
    }

    /// <returns>Whether that is news.</returns>
    internal bool Warn(string? what)
    {
        var before = warning;
        warning = what;
        return before != what;
    }

    internal void Halt(string why)
    {
        halted = why;
        Changed.Beat();
    }
}

/// <param name="Lease">Null where the grant has ended.</param>
/// <param name="Locks">Those that are on the grant, its holder, its resource or this agent.</param>
/// <param name="Terms">Null where the resource left the policy.</param>
internal sealed record Standing(Snapshot Snapshot, GrantLease? Lease, ResourceTerms? Terms, LockOrder[] Locks);

/// <param name="Cause">As in <see cref="AccessPlane.Contracts.Events.SessionTerminated"/>.</param>
/// <param name="Message">For the client.</param>
public sealed record Ending(string Cause, string Message);

using System.Collections.Immutable;
using AccessPlane.Contracts.Messages;
using AccessPlane.Contracts.Policy;

namespace AccessPlane.Agent.Directives;

/// <summary>Everything the agent was told, as of one position of the log. Immutable: readers take it whole, the one writer swaps it.</summary>
/// <param name="Grants">The agent's leases of the rights that are active.</param>
/// <param name="GrantsByHolder">Ids of grants by the holder's chain: the person alone and the person through an AI agent are different holders.</param>
public sealed record Snapshot(
    long Epoch, long Position, PublishedPolicy Policy, ImmutableHashSet<string> Resources, ImmutableDictionary<Guid, GrantLease> Grants,
    ImmutableDictionary<string, ImmutableHashSet<Guid>> GrantsByHolder, ImmutableDictionary<string, TicketOffer> Tickets,
    ImmutableDictionary<Guid, LockOrder> Locks, ImmutableList<IssuerTerms> Issuers)
{
    /// <summary>The last plan that an admin ordered, by resource and database.</summary>
    public ImmutableDictionary<(string Resource, string Database), MaskingApply> Masking { get; init; } =
        ImmutableDictionary<(string Resource, string Database), MaskingApply>.Empty;

    private const int MostVoid = 256;

    /// <summary>Tickets of grants that ended, the last ones: whoever proves to hold one hears why it opens nothing any more. Those of grants that ended before
    /// the state was asked for are not among them.</summary>
    public ImmutableList<VoidTicket> Void { get; private init; } = [];

    public static Snapshot Empty { get; } = new(
        0, 0, PublishedPolicy.None, [], ImmutableDictionary<Guid, GrantLease>.Empty, ImmutableDictionary<string, ImmutableHashSet<Guid>>.Empty,
        ImmutableDictionary<string, TicketOffer>.Empty, ImmutableDictionary<Guid, LockOrder>.Empty, []);

    public static Snapshot Of(long epoch, long position, AgentState state)
    {
        ArgumentNullException.ThrowIfNull(state);
        var snapshot = Empty with
        {
            Epoch = epoch,
            Position = position,
            Policy = state.Policy,
            Resources = [.. state.Resources],
            Tickets = state.Tickets.ToImmutableDictionary(t => t.Ticket),
            Locks = state.Locks.ToImmutableDictionary(l => l.Lock),
            Issuers = [.. state.Issuers],
            Masking = (state.Masking ?? []).ToImmutableDictionary(m => (m.Resource, m.Database)),
        };
        return state.Grants.Aggregate(snapshot, (s, grant) => s.With(grant));
    }

    /// <summary>The snapshot once a directive's body is applied.</summary>
    public Snapshot Apply(object body) => body switch
    {
        PublishedPolicy policy => this with { Policy = policy },
        GrantLease grant => With(grant),
        GrantEnd end => Without(end),
        TicketOffer ticket => this with { Tickets = Tickets.SetItem(ticket.Ticket, ticket) },
        LockOrder order => this with { Locks = Locks.SetItem(order.Lock, order) },
        LockLift lift => this with { Locks = Locks.Remove(lift.Lock) },
        MaskingApply apply => this with { Masking = Masking.SetItem((apply.Resource, apply.Database), apply) },
        TerminateOrder or RequestClosure or HoldDecision => this,
        _ => throw new InvalidOperationException($"no snapshot follows from {body?.GetType().Name}"),
    };

    /// <summary>The locks that deny this grant here, whether or not their time is over.</summary>
    public LockOrder[] LocksOn(GrantLease grant, string agent)
    {
        ArgumentNullException.ThrowIfNull(grant);
        return
        [
            .. Locks.Values.Where(
                l => l.On.Agent == agent || l.On.Meets(grant.Holder, grant.Resource, grant.Grant) || Policy.Model.Meets(l.On, grant.Holder)),
        ];
    }

    private Snapshot With(GrantLease grant)
    {
        var holder = grant.Holder.ChainKey;
        return this with
        {
            Grants = Grants.SetItem(grant.Grant, grant),
            GrantsByHolder = GrantsByHolder.SetItem(holder, (GrantsByHolder.GetValueOrDefault(holder) ?? []).Add(grant.Grant)),
        };
    }

    private Snapshot Without(GrantEnd end)
    {
        if (!Grants.TryGetValue(end.Grant, out var grant))
        {
            return this;
        }
        var holder = grant.Holder.ChainKey;
        var others = (GrantsByHolder.GetValueOrDefault(holder) ?? []).Remove(end.Grant);
        var its = Tickets.Values.Where(t => t.Grant == end.Grant).ToList();
        var over = Void.AddRange(its.Select(t => new VoidTicket(t, grant.Resource, end)));
        return this with
        {
            Grants = Grants.Remove(end.Grant),
            GrantsByHolder = others.IsEmpty ? GrantsByHolder.Remove(holder) : GrantsByHolder.SetItem(holder, others),
            Tickets = Tickets.RemoveRange(its.Select(t => t.Ticket)),
            Void = over.RemoveRange(0, Math.Max(0, over.Count - MostVoid)),
        };
    }
}

/// <summary>A ticket that went with its grant.</summary>
/// <param name="Resource">At whose door it would have been taken.</param>
public sealed record VoidTicket(TicketOffer Offer, string Resource, GrantEnd End);

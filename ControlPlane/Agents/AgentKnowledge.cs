using System.Collections.Immutable;
using AccessPlane.Contracts;
using AccessPlane.Contracts.Events;
using AccessPlane.Contracts.Messages;
using AccessPlane.Contracts.Policy;

namespace AccessPlane.ControlPlane.Agents;

/// <summary>What agents must know, folded from the log: the state for an agent that catches up, and the background of each directive.</summary>
/// <param name="Approved">Grants that nobody activated yet.</param>
/// <param name="Active">As agents see them.</param>
/// <param name="Waiting">Implicit requests that are open: clients may be waiting for them at an agent. Request → resource.</param>
/// <param name="Position">Of the last event that mattered.</param>
public sealed record AgentKnowledge(
    PublishedPolicy Policy, ImmutableDictionary<string, AgentEnrolled> Agents, ImmutableDictionary<Guid, GrantIssued> Approved,
    ImmutableDictionary<Guid, GrantLease> Active, ImmutableDictionary<string, IssuedTicket> Tickets, ImmutableDictionary<Guid, LockPlaced> Locks,
    ImmutableDictionary<Guid, string> Waiting, long Position)
{
    /// <summary>Clocks of the control plane and an agent may be this far apart.</summary>
    private static readonly TimeSpan Grace = TimeSpan.FromMinutes(1);

    public static AgentKnowledge Nothing { get; } = new(
        PublishedPolicy.None, ImmutableDictionary<string, AgentEnrolled>.Empty, ImmutableDictionary<Guid, GrantIssued>.Empty,
        ImmutableDictionary<Guid, GrantLease>.Empty, ImmutableDictionary<string, IssuedTicket>.Empty, ImmutableDictionary<Guid, LockPlaced>.Empty,
        ImmutableDictionary<Guid, string>.Empty, 0);

    /// <summary>The id of the event at the position.</summary>
    public Guid? Mark { get; init; }

    /// <summary>Agents of which there are two.</summary>
    public ImmutableDictionary<string, AgentCloneFound> Clones { get; init; } = ImmutableDictionary<string, AgentCloneFound>.Empty;

    /// <summary>Of every agent that ever enrolled, since it did so last.</summary>
    public ImmutableDictionary<string, AgentKeyHistory> Keys { get; init; } = ImmutableDictionary<string, AgentKeyHistory>.Empty;

    /// <summary>Operations that wait at an agent, and what was decided of those that may still: until their time is over.</summary>
    public ImmutableDictionary<Guid, KnownHold> Holds { get; init; } = ImmutableDictionary<Guid, KnownHold>.Empty;

    /// <summary>The last plan that an admin ordered for a database.</summary>
    public ImmutableDictionary<(string Resource, string Database), MaskingApply> Masking { get; init; } =
        ImmutableDictionary<(string Resource, string Database), MaskingApply>.Empty;

    /// <summary>Stored names of the events that matter.</summary>
    public static IReadOnlyList<string> Types { get; } =
    [
        .. new[]
        {
            typeof(PolicyPublished), typeof(AgentEnrolled), typeof(AgentRetired), typeof(GrantIssued), typeof(GrantActivated), typeof(GrantExtended),
            typeof(GrantNarrowed), typeof(GrantRevoked), typeof(GrantSurrendered), typeof(GrantExpired), typeof(ActivationRefused), typeof(ActivationLapsed),
            typeof(TicketIssued), typeof(LockPlaced), typeof(LockLifted), typeof(SessionTerminationOrdered), typeof(RequestSubmitted), typeof(RequestDenied),
            typeof(RequestExpired), typeof(RequestCancelled), typeof(RequestApproved), typeof(OperationHeld), typeof(HoldReleased), typeof(HoldRefused),
            typeof(HoldLapsed), typeof(HoldAbandoned), typeof(ResourceMaskingOrdered), typeof(AgentCloneFound),
            typeof(AgentKeyRotationOrdered), typeof(AgentKeyAnnounced),
        }.Select(EventNames.Of),
    ];

    public static AgentKnowledge Fold(AgentKnowledge known, Stored stored)
    {
        ArgumentNullException.ThrowIfNull(known);
        ArgumentNullException.ThrowIfNull(stored);
        var after = known.After(stored.Stream, stored.Event) with { Position = stored.Position, Mark = stored.Id };
        return stored.Event is OperationHeld
            ? after with { Holds = after.Holds.RemoveRange(after.Holds.Where(h => h.Value.Until + Grace < stored.At).Select(h => h.Key)) }
            : after;
    }

    /// <summary>The agents that serve a resource.</summary>
    public IEnumerable<string> Serving(string resource) => Agents.Values.Where(a => a.Resources.Contains(resource)).Select(a => a.Agent);

    private AgentKnowledge KeysOf(string agent, IEvent e) => Keys.TryGetValue(agent, out var keys) ? this with { Keys = Keys.SetItem(agent, keys.After(e)) } : this;

    private AgentKnowledge After(Guid stream, IEvent e) => e switch
    {
        PolicyPublished p => this with { Policy = new PublishedPolicy(p.Version, p.Hash, p.Model) },
        AgentEnrolled a => this with { Agents = Agents.SetItem(a.Agent, a), Clones = Clones.Remove(a.Agent), Keys = Keys.SetItem(a.Agent, AgentKeyHistory.Of(a)) },
        AgentRetired a => this with { Agents = Agents.Remove(a.Agent), Clones = Clones.Remove(a.Agent) },
        AgentKeyRotationOrdered { Agent: var agent } => KeysOf(agent, e),
        AgentKeyAnnounced { Key.Agent: var agent } => KeysOf(agent, e),
        AgentCloneFound c => this with { Clones = Clones.SetItem(c.Agent, c) },
        GrantIssued g => this with { Approved = Approved.SetItem(g.Grant, g) },
        GrantActivated a => Approved.TryGetValue(stream, out var issued)
            ? this with { Approved = Approved.Remove(stream), Active = Active.SetItem(stream, Lease(issued, a)) }
            : this,
        GrantExtended x => With(stream, g => g with { NotAfter = x.NotAfter }),
        GrantNarrowed n => With(stream, g => g with
        {
            NotAfter = n.NotAfter,
            Scope = n.Scope,
            MaxConnections = n.MaxConnections,
            TokenLogin = n.TokenLogin,
            PolicyVersion = n.PolicyVersion,
            Login = n.Login,
        }),
        GrantRevoked or GrantSurrendered or GrantExpired or ActivationRefused or ActivationLapsed => Without(stream),
        TicketIssued t => Active.ContainsKey(stream) ? this with { Tickets = Tickets.SetItem(t.Ticket, new IssuedTicket(stream, t)) } : this,
        LockPlaced l => this with { Locks = Locks.SetItem(l.Lock, l) },
        LockLifted l => this with { Locks = Locks.Remove(l.Lock) },
        OperationHeld h => this with { Holds = Holds.SetItem(stream, new KnownHold(h.Agent, h.Operation.Binding, h.ExpiresAt, null)) },
        HoldReleased r => Decided(stream, "released", r.By, null),
        HoldRefused r => Decided(stream, "refused", r.Reviewer.Display, r.Comment),
        HoldLapsed => Decided(stream, "lapsed", "time", null),
        HoldAbandoned => this with { Holds = Holds.Remove(stream) },
        ResourceMaskingOrdered m => this with { Masking = Masking.SetItem((m.Resource, m.Database), new MaskingApply(m.Resource, m.Database, m.Plan)) },
        SessionTerminationOrdered => this,
        RequestSubmitted r => r.Implicit ? this with { Waiting = Waiting.SetItem(r.Request, r.Resource) } : this,
        RequestApproved or RequestDenied or RequestExpired or RequestCancelled => this with { Waiting = Waiting.Remove(stream) },
        _ => throw new InvalidOperationException($"agents need not know of `{e.GetType().Name}`"),
    };

    private AgentKnowledge Decided(Guid hold, string outcome, string by, string? comment) => Holds.TryGetValue(hold, out var known)
        ? this with { Holds = Holds.SetItem(hold, known with { Decision = new HoldDecision(hold, outcome, known.Binding, by, comment, known.Until) }) }
        : this;

    private AgentKnowledge With(Guid grant, Func<GrantLease, GrantLease> change) =>
        Active.TryGetValue(grant, out var lease) ? this with { Active = Active.SetItem(grant, change(lease)) } : this;

    private AgentKnowledge Without(Guid grant) => this with
    {
        Approved = Approved.Remove(grant),
        Active = Active.Remove(grant),
        Tickets = Tickets.RemoveRange(Tickets.Where(t => t.Value.Grant == grant).Select(t => t.Key)),
    };

    private static GrantLease Lease(GrantIssued issued, GrantActivated active) => new(
        issued.Grant, issued.Request, issued.Holder, issued.Entitlement, issued.Resource, active.Scope, active.NotAfter, active.MaxConnections,
        active.TokenLogin, active.PolicyVersion, active.Login);
}

/// <param name="Decision">Null while it waits.</param>
public sealed record KnownHold(string Agent, string Binding, DateTimeOffset Until, HoldDecision? Decision);

public sealed record IssuedTicket(Guid Grant, TicketIssued Event)
{
    public TicketOffer Offer => new(Event.Ticket, Grant, Event.Verifier, Event.Connections, Event.FirstUseBy, Event.Database);
}

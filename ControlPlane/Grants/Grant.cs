using AccessPlane.Contracts;
using AccessPlane.Contracts.Events;
using AccessPlane.Contracts.Identity;
using AccessPlane.Contracts.Policy;
using Events = AccessPlane.Contracts.Events;

namespace AccessPlane.ControlPlane.Grants;

/// <summary>
/// The right, bounded in time: Approved → Active → Expired | Revoked | Surrendered; Approved → ActivationLapsed | ActivationRefused.
/// The names of the states are those of the API.
/// </summary>
public abstract record Grant
{
    public const string StreamType = "grant";

    private Grant() { }

    public static Grant Initial { get; } = new None();

    /// <summary>Every event of a grant's stream.</summary>
    public static IReadOnlyList<Type> EventTypes { get; } =
    [
        typeof(GrantIssued), typeof(GrantActivated), typeof(GrantExtended), typeof(GrantNarrowed), typeof(GrantRevoked), typeof(GrantSurrendered),
        typeof(GrantExpired), typeof(Events.ActivationRefused), typeof(Events.ActivationLapsed), typeof(TicketIssued), typeof(RevocationAcknowledged),
        typeof(BreakGlassUsed), typeof(ReviewDebtSettled), typeof(ReviewDebtDefaulted),
    ];

    public string Name => GetType().Name;

    public sealed record None : Grant;

    /// <param name="Debt">The review that a break-glass grant owes; it outlives the grant.</param>
    public abstract record Known(GrantIssued Issued, ReviewDebt? Debt) : Grant
    {
        public Guid Id => Issued.Grant;
    }

    public sealed record Approved(GrantIssued Issued, ReviewDebt? Debt) : Known(Issued, Debt);

    /// <param name="Terms">What may be used now.</param>
    /// <param name="Extensions">The requests that moved the end.</param>
    public sealed record Active(GrantIssued Issued, ReviewDebt? Debt, DateTimeOffset ActivatedAt, GrantTerms Terms, IReadOnlyList<Guid> Extensions)
        : Known(Issued, Debt)
    {
        public DateTimeOffset NotAfter => Terms.NotAfter;
    }

    /// <param name="Last">What could be used until then; null where the grant was never activated.</param>
    public abstract record Ended(GrantIssued Issued, ReviewDebt? Debt, GrantTerms? Last) : Known(Issued, Debt);

    public sealed record Expired(GrantIssued Issued, ReviewDebt? Debt, GrantTerms? Last, DateTimeOffset Due) : Ended(Issued, Debt, Last);

    public sealed record Revoked(GrantIssued Issued, ReviewDebt? Debt, GrantTerms? Last, Actor By, string Why) : Ended(Issued, Debt, Last);

    public sealed record Surrendered(GrantIssued Issued, ReviewDebt? Debt, GrantTerms? Last, Actor By) : Ended(Issued, Debt, Last);

    public sealed record ActivationLapsed(GrantIssued Issued, ReviewDebt? Debt, DateTimeOffset Due) : Ended(Issued, Debt, null);

    public sealed record ActivationRefused(GrantIssued Issued, ReviewDebt? Debt, string Why) : Ended(Issued, Debt, null);

    public static Grant Evolve(Grant state, IEvent e) => (state, e) switch
    {
        (None, GrantIssued issued) => new Approved(issued, null),

        (Approved g, GrantActivated a) =>
            new Active(g.Issued, g.Debt, a.ActivatedAt, new GrantTerms(a.NotAfter, a.Scope, a.MaxConnections, a.TokenLogin, a.PolicyVersion, a.Login), []),
        (Approved g, Events.ActivationLapsed lapsed) => new ActivationLapsed(g.Issued, g.Debt, lapsed.Due),
        (Approved g, Events.ActivationRefused refused) => new ActivationRefused(g.Issued, g.Debt, refused.Why),

        (Active g, GrantExtended x) => g with { Terms = g.Terms with { NotAfter = x.NotAfter }, Extensions = [.. g.Extensions, x.Request] },
        (Active g, GrantNarrowed n) => g with { Terms = new GrantTerms(n.NotAfter, n.Scope, n.MaxConnections, n.TokenLogin, n.PolicyVersion, n.Login) },
        (Active g, TicketIssued) => g,
        (Active g, GrantExpired expired) => new Expired(g.Issued, g.Debt, g.Terms, expired.Due),

        (Approved or Active, GrantRevoked r) => new Revoked(((Known)state).Issued, ((Known)state).Debt, (state as Active)?.Terms, r.By, r.Why),
        (Approved or Active, GrantSurrendered s) => new Surrendered(((Known)state).Issued, ((Known)state).Debt, (state as Active)?.Terms, s.By),

        // agents acknowledge the end whenever they come to it: a lock's may even be here before the revocation that follows from the lock
        (Known g, RevocationAcknowledged) => g,

        (Known { Debt: null } g, BreakGlassUsed used) => g with { Debt = new ReviewDebt(used.ReviewBy, null, false, used.From) },
        (Known { Debt: { Settled: null } debt } g, ReviewDebtSettled settled) => g with { Debt = debt with { Settled = settled } },
        (Known { Debt: { Settled: null, Defaulted: false } debt } g, ReviewDebtDefaulted) => g with { Debt = debt with { Defaulted = true } },

        _ => throw new InvalidOperationException($"`{e.GetType().Name}` cannot happen to a grant that is {state.Name}"),
    };
}

/// <summary>What an active grant allows, and until when: an absolute time, moved only by GrantExtended and GrantNarrowed.</summary>
public sealed record GrantTerms(
    DateTimeOffset NotAfter, Scope Scope, int MaxConnections, TokenLogin TokenLogin, long PolicyVersion, LoginTerms? Login = null);

/// <summary>The review after the fact that break-glass access owes.</summary>
/// <param name="Defaulted">It was not settled in time: until it is, its holder may not break the glass again.</param>
/// <param name="From">Who reviewed when the glass was broken.</param>
public sealed record ReviewDebt(DateTimeOffset ReviewBy, ReviewDebtSettled? Settled, bool Defaulted, Who? From = null);

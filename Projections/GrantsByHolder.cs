using AccessPlane.Contracts;
using AccessPlane.Contracts.Events;
using AccessPlane.Contracts.Identity;
using AccessPlane.Contracts.Policy;

namespace AccessPlane.Projections;

/// <param name="State">Approved, Active, Expired, Revoked, Surrendered, ActivationLapsed, ActivationRefused. As recorded: <see cref="At"/> gives it as of now.</param>
/// <param name="NotAfter">The absolute end; null before activation.</param>
/// <param name="Acknowledged">Agents at which the end is in force.</param>
/// <param name="Cause">Why it ended early, and by whom.</param>
/// <param name="Version">Of the grant's stream: the ETag.</param>
/// <param name="Login">What its just-in-time logins may do in the database; absent for whatever the agent's own credential may.</param>
/// <param name="EndPosition">Where its early end is in the log: an agent that has put more than that in force has put the end in force.</param>
public sealed record GrantRow(
    Guid Id, string State, string Resource, string Entitlement, Actor Holder, Scope Scope, Guid Request, DateTimeOffset IssuedAt,
    TimeSpan Duration, DateTimeOffset ActivateBy, DateTimeOffset? ActivatedAt, DateTimeOffset? NotAfter, int MaxConnections, TokenLogin TokenLogin,
    bool BreakGlass, ReviewDebtRow? Debt, int Tickets, IReadOnlyList<AcknowledgedRow> Acknowledged, DateTimeOffset? EndedAt, Actor? EndedBy, string? Cause,
    long PolicyVersion, long Version, LoginTerms? Login = null, long? EndPosition = null)
{
    /// <summary>The row as of now: what time has ended is over, whether or not a timer has recorded it.</summary>
    public GrantRow At(DateTimeOffset now) => this switch
    {
        { State: "Approved" } when now >= ActivateBy => this with { State = "ActivationLapsed", EndedAt = ActivateBy },
        { State: "Active", NotAfter: { } end } when now >= end => this with { State = "Expired", EndedAt = end },
        _ => this,
    };
}

/// <param name="Cut">From the agent's receipt of the order to the last session cut.</param>
public sealed record AcknowledgedRow(string Agent, DateTimeOffset At, int Sessions, TimeSpan Cut);

/// <param name="State">`open`, `settled`, `defaulted`.</param>
/// <param name="Verdict">Deny: what was left of the grant ended with it.</param>
public sealed record ReviewDebtRow(DateTimeOffset ReviewBy, string State, Actor? Reviewer, string? Comment, ReviewVerdict? Verdict = null);

/// <summary>Every grant, by who holds it.</summary>
public sealed class GrantsByHolder() : Projection<GrantRow>(
    "grants-by-holder",
    typeof(GrantIssued), typeof(GrantActivated), typeof(GrantExtended), typeof(GrantNarrowed), typeof(GrantRevoked), typeof(GrantSurrendered),
    typeof(GrantExpired), typeof(ActivationRefused), typeof(ActivationLapsed), typeof(TicketIssued), typeof(RevocationAcknowledged),
    typeof(BreakGlassUsed), typeof(ReviewDebtSettled), typeof(ReviewDebtDefaulted))
{
    private const string Issued = "issued";

    public override IReadOnlyList<string> Columns =>
    [
        "state text GENERATED ALWAYS AS (row ->> 'state') STORED",
        "resource text GENERATED ALWAYS AS (row ->> 'resource') STORED",
        "holder text GENERATED ALWAYS AS ((row -> 'holder' ->> 'issuer') || '|' || (row -> 'holder' ->> 'subject')) STORED",
        ByTime.Column(Issued, "issuedAt"),
    ];

    public override string Newest => Issued;

    public override IReadOnlyList<(string Name, string Definition)> Indexes =>
    [
        (Issued, $"({Issued})"),
        ("holder", $"(holder, {Issued})"),
        ("state", "(state, key)"),
    ];

    public override IEnumerable<Change> Changes(Stored stored)
    {
        ArgumentNullException.ThrowIfNull(stored);
        var key = stored.Stream.ToString("D");
        yield return stored.Event is GrantIssued issued
            ? Begin(key, Given(issued, stored))
            : Update(key, row => Apply(row, stored) with { Version = stored.Version });
    }

    private static GrantRow Given(GrantIssued e, Stored stored) => new(
        e.Grant, "Approved", e.Resource, e.Entitlement, e.Holder, e.Scope, e.Request, stored.At, e.Duration, e.ActivateBy, null, null, e.MaxConnections,
        e.TokenLogin, e.BreakGlass, null, 0, [], null, null, null, e.PolicyVersion, stored.Version, e.Login);

    private static GrantRow Apply(GrantRow row, Stored stored) => stored.Event switch
    {
        GrantActivated e => row with
        {
            State = "Active",
            ActivatedAt = e.ActivatedAt,
            NotAfter = e.NotAfter,
            Scope = e.Scope,
            MaxConnections = e.MaxConnections,
            TokenLogin = e.TokenLogin,
            PolicyVersion = e.PolicyVersion,
            Login = e.Login,
        },
        GrantExtended e => row with { NotAfter = e.NotAfter },
        GrantNarrowed e => row with
        {
            NotAfter = e.NotAfter,
            Scope = e.Scope,
            MaxConnections = e.MaxConnections,
            TokenLogin = e.TokenLogin,
            PolicyVersion = e.PolicyVersion,
            Login = e.Login,
        },
        TicketIssued => row with { Tickets = row.Tickets + 1 },
        GrantRevoked e => row with { State = "Revoked", EndedAt = stored.At, EndedBy = e.By, Cause = e.Why, EndPosition = stored.Position },
        GrantSurrendered e => row with { State = "Surrendered", EndedAt = stored.At, EndedBy = e.By, EndPosition = stored.Position },
        GrantExpired e => row with { State = "Expired", EndedAt = e.Due },
        ActivationLapsed e => row with { State = "ActivationLapsed", EndedAt = e.Due },
        ActivationRefused e => row with { State = "ActivationRefused", EndedAt = stored.At, Cause = e.Why },
        RevocationAcknowledged e => row with
        {
            Acknowledged = [.. row.Acknowledged.Where(a => a.Agent != e.Agent), new AcknowledgedRow(e.Agent, stored.At, e.Sessions, e.Cut)],
        },
        BreakGlassUsed e => row with { Debt = new ReviewDebtRow(e.ReviewBy, "open", null, null) },
        ReviewDebtSettled e => row with { Debt = row.Debt is { } debt ? debt with { State = "settled", Reviewer = e.Reviewer, Comment = e.Comment, Verdict = e.Verdict } : null },
        ReviewDebtDefaulted => row with { Debt = row.Debt is { } debt ? debt with { State = "defaulted" } : null },
        _ => row,
    };
}

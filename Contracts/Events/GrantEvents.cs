using AccessPlane.Contracts.Identity;
using AccessPlane.Contracts.Policy;

namespace AccessPlane.Contracts.Events;

/// <summary>A grant's first event, in one transaction with RequestApproved.</summary>
/// <param name="Duration">How long it lasts from activation.</param>
/// <param name="Login">What its just-in-time logins may do in the database; null for whatever the agent's own credential may.</param>
public sealed record GrantIssued(
    Guid Grant, Guid Request, Actor Holder, string Entitlement, string Resource, Scope Scope, TimeSpan Duration, DateTimeOffset ActivateBy,
    int MaxConnections, TokenLogin TokenLogin, long PolicyVersion, bool BreakGlass = false, LoginTerms? Login = null) : IEvent;

/// <param name="NotAfter">The absolute end; moved only by GrantExtended and GrantNarrowed, never by a session.</param>
/// <param name="Scope">What was approved, intersected with the policy of the day of activation.</param>
public sealed record GrantActivated(
    DateTimeOffset ActivatedAt, DateTimeOffset NotAfter, Scope Scope, int MaxConnections, TokenLogin TokenLogin, long PolicyVersion,
    LoginTerms? Login = null) : IEvent;

public sealed record GrantExtended(Guid Request, DateTimeOffset NotAfter) : IEvent;

public sealed record GrantNarrowed(
    DateTimeOffset NotAfter, Scope Scope, int MaxConnections, TokenLogin TokenLogin, long PolicyVersion, string Why, LoginTerms? Login = null) : IEvent;

/// <summary>Ended early by authority.</summary>
public sealed record GrantRevoked(Actor By, string Why) : IEvent;

/// <summary>Ended early by its holder.</summary>
public sealed record GrantSurrendered(Actor By) : IEvent;

/// <summary>Ended by time.</summary>
public sealed record GrantExpired(DateTimeOffset Due) : IEvent;

/// <summary>Today's policy leaves nothing of what was approved.</summary>
public sealed record ActivationRefused(string Why, long PolicyVersion) : IEvent;

public sealed record ActivationLapsed(DateTimeOffset Due) : IEvent;

/// <param name="Ticket">The user name, `t_…`.</param>
/// <param name="Agent">The one agent that may take it: it keeps the used-set.</param>
/// <param name="Verifier">SCRAM-SHA-256 verifier in PostgreSQL's format. The secret (256 random bits) is known to the client alone.</param>
/// <param name="FirstUseBy">The first connection must come before this.</param>
public sealed record TicketIssued(string Ticket, string Agent, string Verifier, int Connections, DateTimeOffset FirstUseBy, string Database) : IEvent;

/// <summary>An agent has applied the end of the grant: nothing of it is forwarded there any more.</summary>
/// <param name="Sessions">How many live sessions were cut.</param>
/// <param name="Cut">From the agent's receipt of the directive to the last session cut.</param>
public sealed record RevocationAcknowledged(string Agent, int Sessions, TimeSpan Cut) : IEvent;

/// <param name="From">Who reviews it.</param>
public sealed record BreakGlassUsed(Guid Request, Actor By, DateTimeOffset ReviewBy, Policy.Who? From = null) : IEvent;

public sealed record ReviewDebtSettled(Actor Reviewer, ReviewVerdict Verdict, string? Comment) : IEvent;

public sealed record ReviewDebtDefaulted(DateTimeOffset Due) : IEvent;

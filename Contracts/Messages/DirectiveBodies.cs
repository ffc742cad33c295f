using AccessPlane.Contracts.Events;
using AccessPlane.Contracts.Identity;
using AccessPlane.Contracts.Policy;

namespace AccessPlane.Contracts.Messages;

/// <summary>`grant`: a grant that may be used, as it stands now (activated, extended or narrowed). The agent's copy is its lease of the right.</summary>
/// <param name="Login">What its just-in-time logins may do in the database; null for whatever the agent's own credential may.</param>
public sealed record GrantLease(
    Guid Grant, Guid Request, Actor Holder, string Entitlement, string Resource, Scope Scope, DateTimeOffset NotAfter, int MaxConnections,
    TokenLogin TokenLogin, long PolicyVersion, LoginTerms? Login = null);

/// <summary>`grant-ended`.</summary>
/// <param name="Cause">revoked, surrendered, expired, locked, policy.</param>
/// <param name="Why">For the client: what happened, and by whom.</param>
public sealed record GrantEnd(Guid Grant, string Cause, string Why);

/// <summary>`ticket`: SCRAM verifier in PostgreSQL's format; the secret is known to the client alone.</summary>
public sealed record TicketOffer(string Ticket, Guid Grant, string Verifier, int Connections, DateTimeOffset FirstUseBy, string Database);

/// <summary>`lock`.</summary>
public sealed record LockOrder(Guid Lock, LockTarget On, string Reason, DateTimeOffset? Until);

/// <summary>`lock-lifted`.</summary>
public sealed record LockLift(Guid Lock);

/// <summary>`terminate`: end one session; its grant lives on.</summary>
public sealed record TerminateOrder(Guid Session, string Why);

/// <summary>`request-closed`: an implicit request ended without a grant.</summary>
public sealed record RequestClosure(Guid Request, string State, string Why);

/// <summary>`state`: everything the agent may know, as of the directive's position. Replaces what it had.</summary>
public sealed record AgentState(
    PublishedPolicy Policy, IReadOnlyList<string> Resources, IReadOnlyList<GrantLease> Grants, IReadOnlyList<TicketOffer> Tickets,
    IReadOnlyList<LockOrder> Locks, IReadOnlyList<IssuerTerms> Issuers)
{
    /// <summary>What was decided of holds whose time is not over: the agent may have missed it.</summary>
    public IReadOnlyList<HoldDecision> Holds { get; init; } = [];

    /// <summary>The last plan that an admin ordered for each database of the agent's resources: one that is named here was set up with an admin's
    /// consent, and the agent keeps it as the policy says from then on.</summary>
    public IReadOnlyList<MaskingApply> Masking { get; init; } = [];
}

/// <summary>`lease`: the answer to a <see cref="LeaseAsk"/>. Renews the liveness lease only for an agent that is caught up to the directive's position.</summary>
/// <param name="Contest">To be said again with the next question: see <see cref="LeaseAsk"/>.</param>
/// <param name="Warning">What an operator should know and the agent cannot find out by itself; it serves all the same.</param>
/// <param name="Key">Null where only the key of the enrolment was ever known or wanted.</param>
/// <param name="Covered">The position up to which checkpoints outside of the database speak of the log; 0 where there is none.</param>
/// <param name="Server">Where the log is. What it has taken may be gone once this is another word: a restored database, or a server that was started anew or
/// took over, may know less than the one before. Agents send again what no checkpoint covers.</param>
public sealed record LeaseAnswer(Guid Nonce, Guid? Contest = null, string? Warning = null, AgentKeyWord? Key = null, long Covered = 0, string? Server = null);

/// <summary>`lease-refused`: the other answer to a <see cref="LeaseAsk"/>, in whatever epoch. The agent enforces what it knows, admits nobody new, and freezes as
/// its lease ends.</summary>
/// <param name="Cause">`history`: the control plane's log was set back; `unproven`: the agent claims more than it can prove; `second`: another process had the
/// lease a moment ago; `clone`: two processes have this identity.</param>
/// <param name="Why">For the operator.</param>
/// <param name="Contest">As in <see cref="LeaseAnswer"/>.</param>
/// <param name="Rollback">Which: the agent says what it knows, once.</param>
public sealed record LeaseRefusal(Guid Nonce, string Cause, string Why, Guid? Contest = null, Guid? Rollback = null);

/// <summary>`segment-accepted`: the log holds it. The spool may forget it once a checkpoint covers the position (<see cref="LeaseAnswer.Covered"/>): until
/// then a log that is lost would take it along.</summary>
/// <param name="Position">In the log; 0 where it is not said.</param>
public sealed record SegmentReceipt(Guid Session, int Number, long Position = 0);

/// <summary>`segment-refused`: it does not continue what the log holds of the session. The finding is recorded; the agent puts the transcript aside for
/// people to look at, and goes on with the others.</summary>
public sealed record SegmentRefusal(Guid Session, int Number, string Why);

/// <summary>`login-answer`: what became of a <see cref="LoginAsk"/>.</summary>
/// <param name="State">`granted` (a `grant` directive is there or under way), `pending`, `refused`.</param>
/// <param name="Detail">For the client.</param>
public sealed record LoginAnswer(Guid Ask, string State, Guid? Grant, Guid? Request, string Detail, string? Link);

/// <summary>An issuer of tokens that the operator trusts, and how its claims are read.</summary>
/// <param name="Audience">Of tokens for the REST API and for logins at agents.</param>
/// <param name="ReviewAudience">Of tokens in reviews by queue.</param>
/// <param name="Algorithms">Allow-list; never `none`, never HMAC.</param>
/// <param name="EvidenceClaims">Claims kept with the actor.</param>
/// <param name="Types">Values of `typ` that its access tokens have; null for `at+jwt` and `JWT`. An empty text stands for none at all.</param>
/// <param name="MaxAge">How long after their issue tokens are taken at all; null for a day.</param>
/// <param name="Clients">The clients (`client_id`, `azp`) whose tokens are taken; null for any of the issuer's.</param>
/// <param name="LoginScope">What a database client asks the issuer for, to get a token for logins; null for `openid`.</param>
public sealed record IssuerTerms(
    string Issuer, string Audience, string ReviewAudience, IReadOnlyList<string> Algorithms, string GroupsClaim, string KindClaim,
    ActorKind DefaultKind, IReadOnlyList<string> EvidenceClaims, string? MetadataAddress = null, IReadOnlyList<string>? Types = null,
    TimeSpan? MaxAge = null, IReadOnlyList<string>? Clients = null, string? LoginScope = null)
{
    /// <summary>Where the issuer says what it has (OpenID Connect Discovery).</summary>
    public string Discovery() => MetadataAddress ?? $"{Issuer.TrimEnd('/')}/.well-known/openid-configuration";
}

/// <summary>`spool-key`: the keys of a transcript that an earlier process of the agent left.</summary>
/// <param name="Keys">Base64, one a line, in the order of the question, sealed for its reader in <see cref="ContextOf"/>; null where they were not sealed for
/// this control plane, this agent and this session.</param>
public sealed record SpoolKeyAnswer(Guid Session, string? Keys)
{
    public static string ContextOf(string agent, Guid session) => $"spool-key\n{agent}\n{session:D}";
}

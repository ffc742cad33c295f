using AccessPlane.Contracts.Events;
using AccessPlane.Contracts.Identity;
using AccessPlane.Contracts.Messages;
using AccessPlane.Contracts.Policy;
using AccessPlane.Contracts.Sql;
using AccessPlane.Contracts.Transcripts;
using AccessPlane.Projections;

namespace AccessPlane.ControlPlane.Console;

// What the console reads of the API's answers. It is a client: it knows their form (/openapi/v1.json), not the features that give them.

public sealed record ResourcesShape(IReadOnlyList<ResourceShape> Items);

public sealed record ResourceShape(string Id, string Kind, IReadOnlyList<OfferShape> Entitlements, string Masking, IReadOnlyList<Expectation> Rules);

/// <summary>What somebody may ask for, and on which terms.</summary>
public sealed record OfferShape(
    string Id, Scope Scope, TimeSpan MaxDuration, bool ReasonRequired, string? Reference, bool Automatic, bool BreakGlass, LoginTerms? Login,
    IReadOnlyList<ApprovalStep> Steps, TimeSpan MaxTotal, TimeSpan ActivateWithin, int MaxConnections, TimeSpan? ReviewWithin);

public sealed record GrantShape(
    Guid Id, string State, string Resource, string Entitlement, Actor Holder, Scope Scope, Guid Request, DateTimeOffset IssuedAt, DateTimeOffset ActivateBy,
    DateTimeOffset? ActivatedAt, DateTimeOffset? NotAfter, int MaxConnections, bool BreakGlass, ReviewDebtRow? Debt, int Tickets,
    IReadOnlyList<GrantAgentShape> Agents, DateTimeOffset? EndedAt, Actor? EndedBy, string? Cause)
{
    public bool IsOpen => State is "Approved" or "Active";
}

/// <summary>Access behind broken glass, with all that its reviewer goes by.</summary>
/// <param name="Request">What it was broken for; null where it could not be read.</param>
/// <param name="Sessions">What was done with it; null where that could not be read.</param>
public sealed record BrokenGlass(GrantShape Grant, RequestRow? Request, IReadOnlyList<SessionRow>? Sessions);

public sealed record GrantAgentShape(string Id, bool Acknowledged, DateTimeOffset? LeaseEndsAt, int? Sessions, TimeSpan? Cut);

public sealed record TicketShape(string Username, string Password, string Host, int Port, string Database, DateTimeOffset ExpiresAt, string Url)
{
    // a record prints its members, and a secret has no business in a log
    public override string ToString() => Username;
}

/// <summary>One statement of somebody's session.</summary>
public sealed record OperationShape(
    Guid Session, long Op, DateTimeOffset At, Actor Actor, string Resource, string Agent, string Text, IReadOnlyList<string>? Statements, Effect Verdict,
    IReadOnlyList<Reason>? Reasons, string? Outcome, long? Duration, long? Rows, string? Tag, EntryError? Error)
{
    /// <summary>What a list says of it in one word.</summary>
    public string Told => Outcome switch
    {
        "completed" => Verdict == Effect.Allow ? "completed" : Verdict.ToString().ToLowerInvariant(),
        null => Verdict == Effect.Hold ? "held" : "running",
        _ => Outcome,
    };
}

public sealed record LocksShape(IReadOnlyList<LockShape> Items);

public sealed record LockShape(Guid Id, string State, LockTarget On, string Reason, DateTimeOffset? Until, string PlacedBy, string? LiftProposedBy, DateTimeOffset? LiftProposedUntil);

public sealed record AgentShape(
    string Id, string State, IReadOnlyList<string> Resources, IReadOnlyList<AgentEndpoint> Endpoints, string? PublicKey, DateTimeOffset Since, bool Connected,
    DateTimeOffset? LeaseEndsAt, long? Applied, int? Sessions, int? Gaps, string? CloneFound, IReadOnlyList<AgentKeyAnnouncement>? Keys, AgentCondition? Condition);

public sealed record ExplanationShape(string Basis, JudgedShape? Judged, IReadOnlyList<Reason>? Further, bool? Agrees, StatementFacts? Facts);

public sealed record JudgedShape(Effect Effect, IReadOnlyList<Reason> Reasons, IReadOnlyList<string> Masks, int Risk, IReadOnlyList<RiskPart> RiskParts);

public sealed record AccessShape(
    DateTimeOffset At, IReadOnlyList<HeldShape> Access, DateTimeOffset? And, IReadOnlyList<HeldShape>? AccessThen, IReadOnlyList<HeldShape>? Gained,
    IReadOnlyList<HeldShape>? Lost);

public sealed record HeldShape(Actor Holder, string Resource, string Entitlement, Guid Grant, Scope Scope, DateTimeOffset Since, DateTimeOffset NotAfter);

public sealed record PolicyShape(long Version, string Hash, string Author, DateTimeOffset? PublishedAt, string? Text, IReadOnlyList<PolicyProblemShape>? Warnings);

public sealed record PolicyCheckShape(bool Valid, IReadOnlyList<PolicyProblemShape> Problems);

public sealed record PolicyProblemShape(string Severity, long Line, long Column, string Message, string Path);

public sealed record WhatIfLineShape(WhatIfProgressShape? Progress, WhatIfResultShape? Result);

public sealed record WhatIfProgressShape(double Part, long Operations);

public sealed record WhatIfResultShape(
    DateTimeOffset From, DateTimeOffset To, long Operations, long Judged, long Distinct, long Changed, IReadOnlyList<WhatIfChangeShape> Changes, int ChangesLeftOut);

public sealed record WhatIfChangeShape(string Kind, string Actor, string Rule, string Resource, long Operations, IReadOnlyList<WhatIfExampleShape> Examples);

public sealed record WhatIfExampleShape(Guid Session, long Op, DateTimeOffset At, string Text);

public sealed record MaskingShape(string Resource, IReadOnlyList<DatabaseMaskingShape> Databases);

public sealed record DatabaseMaskingShape(string Database, string Agent, string Status, string? Reason, string Sql, IReadOnlyList<MaskingFinding> Findings, DateTimeOffset FoundAt);

public sealed record FiguresShape(DateTimeOffset From, DateTimeOffset To, IReadOnlyList<FiguresPartShape> Parts, IReadOnlyList<CutsShape> Cuts);

public sealed record FiguresPartShape(DateTimeOffset At, long Sessions, long Denied, long Held, long Approved, TimeSpan? TimeToApprove);

public sealed record CutsShape(TimeSpan? UpTo, long Sessions);

using AccessPlane.Contracts.Events;
using AccessPlane.Contracts.Identity;
using AccessPlane.Contracts.Policy;
using AccessPlane.Contracts.Transcripts;

namespace AccessPlane.Cli.Http;

// What is read here of the API's answers: of their form (/openapi/v1.json) as much as people are told. `--json` gives them whole.

internal sealed record RequestShape(
    Guid Id, string State, string Resource, string Entitlement, Actor Requester, TimeSpan Duration, string? Reason, string? Reference,
    IReadOnlyList<StepShape> Steps, int Step, DateTimeOffset ExpiresAt, Guid? GrantId, string? Cause, int Terms, string? Notice)
{
    /// <summary>Who has to say what next.</summary>
    public IReadOnlyList<ApprovalStep> Open => [.. Steps.Skip(Step).Select(s => s.Step)];
}

internal sealed record StepShape(ApprovalStep Step, IReadOnlyList<ReviewShape> Reviews);

internal sealed record ReviewShape(Actor Reviewer, ReviewVerdict Verdict, string? Comment, bool Lapsed);

internal sealed record GrantShape(
    Guid Id, string State, string Resource, string Entitlement, Actor Holder, Scope Scope, DateTimeOffset ActivateBy, DateTimeOffset? NotAfter,
    int MaxConnections, IReadOnlyList<GrantAgentShape> Agents, string? Cause, Actor? EndedBy, Guid Request, DebtShape? Debt)
{
    public bool IsOpen => State is "Approved" or "Active";

    public DateTimeOffset Until => NotAfter ?? ActivateBy;
}

internal sealed record DebtShape(DateTimeOffset ReviewBy, string State, Actor? Reviewer, string? Comment, ReviewVerdict? Verdict);

internal sealed record GrantAgentShape(string Id, bool Acknowledged, DateTimeOffset? LeaseEndsAt);

internal sealed record TicketShape(string Username, string Password, string Host, int Port, string Database, DateTimeOffset ExpiresAt, string Url)
{
    // a record prints its members, and a secret has no business in a message
    public override string ToString() => Username;
}

internal sealed record ResourcesShape(IReadOnlyList<ResourceShape> Items);

internal sealed record ResourceShape(string Id, string Kind, IReadOnlyList<OfferShape> Entitlements);

internal sealed record OfferShape(
    string Id, Scope Scope, TimeSpan MaxDuration, bool ReasonRequired, string? Reference, bool Automatic, bool BreakGlass, IReadOnlyList<ApprovalStep> Steps,
    int MaxConnections);

internal sealed record SessionShape(
    Guid Id, string State, Actor Holder, string Resource, string Agent, string Database, string Application, DateTimeOffset StartedAt, DateTimeOffset? EndedAt,
    string? Cause, long Operations, long Denied, long Held, long Rows);

internal sealed record OperationShape(
    Guid Session, long Op, DateTimeOffset At, Actor Actor, string Resource, string Text, Effect Verdict, IReadOnlyList<Reason>? Reasons, string? Outcome, long? Rows,
    EntryError? Error)
{
    /// <summary>What is said of it in one word.</summary>
    public string Told => Outcome switch
    {
        "completed" => Verdict == Effect.Allow ? "completed" : Verdict.ToString().ToLowerInvariant(),
        null => Verdict == Effect.Hold ? "held" : "running",
        _ => Outcome,
    };
}

internal sealed record HoldShape(
    Guid Id, string State, string Resource, Guid Session, Actor Holder, string Database, string Text, int Risk, long? Rows, string Rule, IReadOnlyList<Reason> Reasons,
    Who From, int Count, IReadOnlyList<ReviewShape> Reviews, DateTimeOffset ExpiresAt, string? EndedBy, string? Cause, int Terms);

internal sealed record LocksShape(IReadOnlyList<LockShape> Items);

internal sealed record LockShape(Guid Id, string State, LockTarget On, string Reason, DateTimeOffset? Until, string PlacedBy);

internal sealed record PolicyShape(long Version, string Hash, string Author, DateTimeOffset? PublishedAt, string? Text, IReadOnlyList<PolicyProblemShape>? Warnings);

internal sealed record PolicyCheckShape(bool Valid, IReadOnlyList<PolicyProblemShape> Problems);

internal sealed record PolicyProblemShape(string Severity, long Line, long Column, string Message);

internal sealed record AccessShape(
    DateTimeOffset At, IReadOnlyList<HeldShape> Access, DateTimeOffset? And, IReadOnlyList<HeldShape>? Gained, IReadOnlyList<HeldShape>? Lost);

internal sealed record HeldShape(Actor Holder, string Entitlement, Guid Grant, Scope Scope, DateTimeOffset Since, DateTimeOffset NotAfter);

internal sealed record AgentsKeyShape(string? PublicKey, IReadOnlyList<AgentKeyShape>? Keys);

internal sealed record AgentKeyShape(string PublicKey, string Previous);

internal sealed record InvitedShape(string Id, string Token, DateTimeOffset ExpiresAt);

using AccessPlane.Contracts.Identity;
using AccessPlane.Contracts.Policy;

namespace AccessPlane.Contracts.Events;

/// <param name="Steps">The approval steps that apply to this request (those whose `unless` did not let them go), in order. Empty: approved automatically.</param>
/// <param name="Extends">The grant that this request would extend, where it is an extension.</param>
/// <param name="Total">How long an extended grant would last from its activation: what the steps were chosen by.</param>
/// <param name="Implicit">Filed by an agent for a client that logged in without a grant.</param>
public sealed record RequestSubmitted(
    Guid Request, Actor Requester, string Entitlement, string Resource, TimeSpan Duration, string? Reason, string? Reference,
    IReadOnlyList<ApprovalStep> Steps, DateTimeOffset ExpiresAt, long PolicyVersion, Guid? Extends = null, bool Implicit = false, TimeSpan? Total = null) : IEvent;

public sealed record ReviewGiven(Guid Review, Actor Reviewer, ReviewVerdict Verdict, int Step, string? Comment) : IEvent;

/// <summary>A vote that no longer counts: the reviewer was not eligible any more when quorum was reached.</summary>
public sealed record ReviewLapsed(Guid Review, string Reviewer, int Step, string Why) : IEvent;

/// <summary>A review that was not taken, kept because an auditor wants to see it (self-approval, not an approver).</summary>
public sealed record ReviewRefused(Actor Reviewer, ReviewVerdict Verdict, string Code, string Detail) : IEvent;

/// <param name="Grant">The grant that begins in the same transaction, or the one that is extended.</param>
public sealed record RequestApproved(Guid Grant, IReadOnlyList<string> Reviewers) : IEvent;

public sealed record RequestDenied(Actor Reviewer, string? Comment) : IEvent;

public sealed record RequestExpired(DateTimeOffset Due) : IEvent;

public sealed record RequestCancelled(Actor By, string Why) : IEvent;

public enum ReviewVerdict { Approve, Deny }

using AccessPlane.Contracts.Identity;
using AccessPlane.Contracts.Messages;
using AccessPlane.Contracts.Policy;

namespace AccessPlane.Contracts.Events;

/// <summary>An operation waits in flight at an agent.</summary>
/// <param name="Holder">Of the grant, as the log knows it.</param>
/// <param name="From">Who may decide: by the policy of the control plane, whatever the agent said.</param>
/// <param name="Count">How many persons must approve.</param>
public sealed record OperationHeld(
    Guid Hold, string Agent, Actor Holder, string Entitlement, HeldOperation Operation, Who From, int Count, DateTimeOffset ExpiresAt) : IEvent;

public sealed record HoldReviewGiven(Guid Review, Actor Reviewer, ReviewVerdict Verdict, string? Comment) : IEvent;

/// <summary>A vote that no longer counts: the reviewer was not eligible any more when quorum was reached.</summary>
public sealed record HoldReviewLapsed(Guid Review, string Reviewer, string Why) : IEvent;

/// <summary>A review that was not taken, kept because an auditor wants to see it.</summary>
public sealed record HoldReviewRefused(Actor Reviewer, ReviewVerdict Verdict, string Code, string Detail) : IEvent;

/// <summary>The agent may let it run, once, if it still can.</summary>
/// <param name="Reviewers">`issuer|subject` of those who approved.</param>
/// <param name="By">For people to read.</param>
public sealed record HoldReleased(IReadOnlyList<string> Reviewers, string By) : IEvent;

public sealed record HoldRefused(Actor Reviewer, string? Comment) : IEvent;

public sealed record HoldLapsed(DateTimeOffset Due) : IEvent;

/// <summary>It ended at the agent without having run: its client took it back or left, its session ended, or its release came too late.</summary>
public sealed record HoldAbandoned(string Why) : IEvent;

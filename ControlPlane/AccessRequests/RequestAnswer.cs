using AccessPlane.Contracts.Identity;
using AccessPlane.Contracts.Policy;
using AccessPlane.ControlPlane.EventStore;
using AccessPlane.ControlPlane.Http;

namespace AccessPlane.ControlPlane.AccessRequests;

/// <summary>A request as the API shows it.</summary>
/// <param name="State">`Submitted`, `Approved`, `Denied`, `Expired` or `Cancelled`.</param>
/// <param name="Step">The step that waits for votes, from 0; absent when the request is closed.</param>
/// <param name="Terms">What a review may name as the state it is meant for; absent when the request is closed.</param>
/// <param name="GrantId">The grant that came of it, or the one that it extends.</param>
/// <param name="Why">Why it was denied or cancelled.</param>
public sealed record RequestAnswer(
    Guid Id, string State, string Resource, string Entitlement, Actor Requester, TimeSpan Duration, string? Reason, string? Reference,
    IReadOnlyList<StepAnswer> Steps, int? Step, int? Terms, DateTimeOffset ExpiresAt, Guid? GrantId, Guid? Extends, bool Implicit, string? DecidedBy,
    string? Why, long PolicyVersion)
{
    public static RequestAnswer Of(AccessRequest.Known state)
    {
        ArgumentNullException.ThrowIfNull(state);
        var asked = state.Asked;
        var (by, why) = state switch
        {
            AccessRequest.Denied d => (d.Reviewer.Key, d.Comment),
            AccessRequest.Cancelled c => (c.By.Key, c.Why),
            AccessRequest.Approved a => (a.Reviewers.Count == 0 ? null : string.Join(", ", a.Reviewers), null),
            _ => (null, (string?)null),
        };
        var pending = state as AccessRequest.Submitted;
        return new RequestAnswer(
            asked.Request, state.Name, asked.Resource, asked.Entitlement, asked.Requester, asked.Duration, asked.Reason, asked.Reference,
            [.. asked.Steps.Select((step, i) => StepAnswer.Of(step, [.. state.Votes.Where(v => v.Step == i)]))], pending?.Step, pending?.Terms, asked.ExpiresAt,
            (state as AccessRequest.Approved)?.Grant, asked.Extends, asked.Implicit, by, why, asked.PolicyVersion);
    }

    /// <summary>Who may know of a request: who asked and those in whose name, its approvers, admins and auditors.</summary>
    public static bool MaySee(AccessRequest.Known state, Caller caller, PolicyModel policy)
    {
        ArgumentNullException.ThrowIfNull(state);
        ArgumentNullException.ThrowIfNull(caller);
        return caller.IsAdmin || caller.IsAuditor ||
            state.Asked.Requester.ChainKey == caller.Actor.ChainKey ||
            (caller.Actor.Act.Count == 0 && state.Asked.Requester.Key == caller.Actor.Key) ||
            state.Votes.Any(v => v.Reviewer.Key == caller.Actor.Key && caller.Actor.Act.Count == 0) ||
            state.Asked.Steps.Any(step => policy.WhyNotReview(step, state.Asked.Requester, caller.Actor) is null);
    }

    /// <summary>200 with the request; where the command was refused, the problem, with what was decided for who may see it.</summary>
    internal static IResult Answer(Handled<AccessRequest> handled, Caller caller, PolicyModel policy)
    {
        var known = handled.State as AccessRequest.Known;
        if (handled.Refusal is { } refusal)
        {
            return Problems.Of(refusal, known is not null && MaySee(known, caller, policy) ? Of(known) : null);
        }
        return Answers.Ok(Of(known!), handled.Version);
    }
}

/// <param name="Reviews">The votes given in this step.</param>
public sealed record StepAnswer(Who From, int Count, IReadOnlyList<VoteAnswer> Reviews)
{
    internal static StepAnswer Of(ApprovalStep step, IReadOnlyList<Vote> votes) =>
        new(step.From, step.Count, [.. votes.Select(v => new VoteAnswer(v.Reviewer.Key, v.Reviewer.Name, v.Lapsed))]);
}

/// <param name="Lapsed">It does not count any more: its reviewer was not eligible at quorum.</param>
public sealed record VoteAnswer(string Reviewer, string Name, bool Lapsed);

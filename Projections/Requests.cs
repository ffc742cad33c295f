using AccessPlane.Contracts;
using AccessPlane.Contracts.Events;
using AccessPlane.Contracts.Identity;
using AccessPlane.Contracts.Policy;

namespace AccessPlane.Projections;

/// <param name="State">Submitted, Approved, Denied, Expired, Cancelled. As recorded: <see cref="At"/> gives it as of now.</param>
/// <param name="Step">Index of the step that waits for reviews; the number of steps when none does.</param>
/// <param name="Cause">Why it was denied or cancelled.</param>
/// <param name="Version">Of the request's stream: the ETag.</param>
/// <param name="Terms">The `expectedVersion` of reviews by queue: changes of terms and step, not votes.</param>
public sealed record RequestRow(
    Guid Id, string State, string Resource, string Entitlement, Actor Requester, TimeSpan Duration, string? Reason, string? Reference,
    IReadOnlyList<StepRow> Steps, int Step, DateTimeOffset SubmittedAt, DateTimeOffset ExpiresAt, Guid? GrantId, Guid? Extends, bool Implicit,
    long PolicyVersion, string? Cause, DateTimeOffset? ClosedAt, int Terms, long Version)
{
    /// <summary>In the answer to a command: what keeps a grant from being used now, though it may be approved.</summary>
    public string? Notice { get; init; }

    /// <summary>The row as of now: a request whose time is over has expired, whether or not a timer has recorded it.</summary>
    public RequestRow At(DateTimeOffset now) => State == "Submitted" && now >= ExpiresAt ? this with { State = "Expired", ClosedAt = ExpiresAt } : this;
}

public sealed record StepRow(ApprovalStep Step, IReadOnlyList<ReviewRow> Reviews)
{
    internal bool IsFilled => Reviews.Where(r => r is { Lapsed: false, Verdict: ReviewVerdict.Approve }).Select(r => r.Reviewer.Key).Distinct().Count() >= Step.Count;
}

public sealed record ReviewRow(Guid Id, Actor Reviewer, ReviewVerdict Verdict, string? Comment, DateTimeOffset At, bool Lapsed, string? Why);

/// <summary>Every access request, whatever became of it.</summary>
public sealed class Requests() : Projection<RequestRow>(
    "requests",
    typeof(RequestSubmitted), typeof(ReviewGiven), typeof(ReviewLapsed), typeof(ReviewRefused), typeof(RequestApproved), typeof(RequestDenied),
    typeof(RequestExpired), typeof(RequestCancelled))
{
    internal const string SubmittedIn = "submitted";
    internal static readonly string BySubmission = ByTime.Column(SubmittedIn, "submittedAt");

    public override IReadOnlyList<string> Columns =>
    [
        "state text GENERATED ALWAYS AS (row ->> 'state') STORED",
        "resource text GENERATED ALWAYS AS (row ->> 'resource') STORED",
        "requester text GENERATED ALWAYS AS ((row -> 'requester' ->> 'issuer') || '|' || (row -> 'requester' ->> 'subject')) STORED",
        BySubmission,
    ];

    public override string Newest => SubmittedIn;

    public override IReadOnlyList<(string Name, string Definition)> Indexes =>
    [
        (SubmittedIn, $"({SubmittedIn})"),
        ("state", "(state, key)"),
        ("requester", $"(requester, {SubmittedIn})"),
    ];

    public override IEnumerable<Change> Changes(Stored stored)
    {
        ArgumentNullException.ThrowIfNull(stored);
        yield return Apply(stored, stored.Stream.ToString("D"));
    }

    internal static Change Apply(Stored stored, string key) => stored.Event switch
    {
        RequestSubmitted e => Begin(key, Submitted(e, stored)),
        ReviewGiven e => Update(key, r => Reviewed(r, e, stored)),
        ReviewLapsed e => Update(key, r => Restep(r with { Steps = [.. r.Steps.Select(s => Lapse(s, e))], Version = stored.Version })),
        RequestApproved e => Update(key, r => r with { State = "Approved", GrantId = e.Grant, ClosedAt = stored.At, Version = stored.Version }),
        RequestDenied e => Update(key, r => Closed(r, "Denied", e.Comment, stored.At, stored)),
        RequestExpired e => Update(key, r => Closed(r, "Expired", null, e.Due, stored)),
        RequestCancelled e => Update(key, r => Closed(r, "Cancelled", e.Why, stored.At, stored)),
        _ => Update(key, r => r with { Version = stored.Version }),
    };

    private static RequestRow Submitted(RequestSubmitted e, Stored stored) => new(
        e.Request, "Submitted", e.Resource, e.Entitlement, e.Requester, e.Duration, e.Reason, e.Reference,
        [.. e.Steps.Select(s => new StepRow(s, []))], 0, stored.At, e.ExpiresAt, null, e.Extends, e.Implicit, e.PolicyVersion, null, null, 1, stored.Version);

    private static RequestRow Reviewed(RequestRow row, ReviewGiven e, Stored stored)
    {
        var review = new ReviewRow(e.Review, e.Reviewer, e.Verdict, e.Comment, stored.At, false, null);
        return Restep(row with
        {
            Steps = [.. row.Steps.Select((s, i) => i == e.Step ? s with { Reviews = [.. s.Reviews, review] } : s)],
            Version = stored.Version,
        });
    }

    private static RequestRow Restep(RequestRow row)
    {
        var open = row.Steps.TakeWhile(s => s.IsFilled).Count();
        return open == row.Step ? row : row with { Step = open, Terms = row.Terms + 1 };
    }

    private static StepRow Lapse(StepRow step, ReviewLapsed e) =>
        step with { Reviews = [.. step.Reviews.Select(r => r.Id == e.Review ? r with { Lapsed = true, Why = e.Why } : r)] };

    private static RequestRow Closed(RequestRow row, string state, string? cause, DateTimeOffset at, Stored stored) =>
        row with { State = state, Cause = cause, ClosedAt = at, Version = stored.Version };
}

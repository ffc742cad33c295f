using AccessPlane.Contracts;
using AccessPlane.Contracts.Events;
using AccessPlane.Contracts.Identity;

namespace AccessPlane.ControlPlane.AccessRequests;

/// <summary>The asking: Submitted → Approved | Denied | Expired | Cancelled. The names of the states are those of the API.</summary>
public abstract record AccessRequest
{
    public const string StreamType = "request";

    private AccessRequest() { }

    public static AccessRequest Initial { get; } = new None();

    /// <summary>Every event of a request's stream.</summary>
    public static IReadOnlyList<Type> EventTypes { get; } =
    [
        typeof(RequestSubmitted), typeof(ReviewGiven), typeof(ReviewLapsed), typeof(ReviewRefused), typeof(RequestApproved), typeof(RequestDenied),
        typeof(RequestExpired), typeof(RequestCancelled),
    ];

    public string Name => GetType().Name;

    public sealed record None : AccessRequest;

    /// <param name="Asked">What was asked for; it never changes.</param>
    public abstract record Known(RequestSubmitted Asked, IReadOnlyList<Vote> Votes) : AccessRequest
    {
        public Guid Id => Asked.Request;
    }

    /// <param name="Terms">Counts changes of the terms and of the step, not votes: an answer that was meant for another step is recognised by it.</param>
    /// <param name="Refused">Reviews that were not taken: one of a kind from each actor is kept, so that trying again does not grow the stream.</param>
    public sealed record Submitted(RequestSubmitted Asked, IReadOnlyList<Vote> Votes, int Terms, IReadOnlyList<RefusedReview> Refused)
        : Known(Asked, Votes)
    {
        /// <summary>The step that waits for votes: the first that has too few; the number of steps when none has.</summary>
        public int Step => FirstOpenStep(Asked.Steps, Votes);

        public IEnumerable<Vote> Counted => Votes.Where(v => !v.Lapsed);

        internal Submitted With(IReadOnlyList<Vote> votes)
        {
            var next = this with { Votes = votes };
            return next.Step == Step ? next : next with { Terms = Terms + 1 };
        }
    }

    public sealed record Approved(RequestSubmitted Asked, IReadOnlyList<Vote> Votes, Guid Grant, IReadOnlyList<string> Reviewers) : Known(Asked, Votes);

    public sealed record Denied(RequestSubmitted Asked, IReadOnlyList<Vote> Votes, Actor Reviewer, string? Comment) : Known(Asked, Votes);

    public sealed record Expired(RequestSubmitted Asked, IReadOnlyList<Vote> Votes, DateTimeOffset Due) : Known(Asked, Votes);

    public sealed record Cancelled(RequestSubmitted Asked, IReadOnlyList<Vote> Votes, Actor By, string Why) : Known(Asked, Votes);

    public static AccessRequest Evolve(AccessRequest state, IEvent e) => (state, e) switch
    {
        (None, RequestSubmitted asked) => new Submitted(asked, [], 1, []),
        (Submitted s, ReviewGiven { Verdict: ReviewVerdict.Approve } given) => s.With([.. s.Votes, new Vote(given.Review, given.Reviewer, given.Step, false)]),
        (Submitted s, ReviewGiven) => s, // a denial follows at once
        (Submitted s, ReviewLapsed lapsed) => s.With([.. s.Votes.Select(v => v.Review == lapsed.Review ? v with { Lapsed = true } : v)]),
        (Submitted s, ReviewRefused refused) => s with { Refused = [.. s.Refused, new RefusedReview(refused.Reviewer.ChainKey, refused.Code)] },
        (Submitted s, RequestApproved approved) => new Approved(s.Asked, s.Votes, approved.Grant, approved.Reviewers),
        (Submitted s, RequestDenied denied) => new Denied(s.Asked, s.Votes, denied.Reviewer, denied.Comment),
        (Submitted s, RequestExpired expired) => new Expired(s.Asked, s.Votes, expired.Due),
        (Submitted s, RequestCancelled cancelled) => new Cancelled(s.Asked, s.Votes, cancelled.By, cancelled.Why),
        _ => throw new InvalidOperationException($"`{e.GetType().Name}` cannot happen to a request that is {state.Name}"),
    };

    private static int FirstOpenStep(IReadOnlyList<Contracts.Policy.ApprovalStep> steps, IReadOnlyList<Vote> votes)
    {
        for (var i = 0; i < steps.Count; i++)
        {
            if (votes.Where(v => v.Step == i && !v.Lapsed).DistinctBy(v => v.Reviewer.Key).Count() < steps[i].Count)
            {
                return i;
            }
        }
        return steps.Count;
    }
}

/// <summary>One approving review. It lapses when its reviewer is not eligible any more at quorum.</summary>
public sealed record Vote(Guid Review, Actor Reviewer, int Step, bool Lapsed);

public sealed record RefusedReview(string Reviewer, string Code);

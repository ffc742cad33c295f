using AccessPlane.Contracts;
using AccessPlane.Contracts.Events;
using AccessPlane.Contracts.Identity;
using AccessPlane.Contracts.Policy;

namespace AccessPlane.ControlPlane.Holds;

/// <summary>An operation that waits in flight for people: Waiting → Released | Refused | Lapsed | Abandoned. The names of the states are those of the API.</summary>
public abstract record Hold
{
    public const string StreamType = "hold";

    /// <summary>The `expectedVersion` of reviews: what is asked never changes.</summary>
    public const int Terms = 1;

    private Hold() { }

    public static Hold Initial { get; } = new None();

    /// <summary>Every event of a hold's stream.</summary>
    public static IReadOnlyList<Type> EventTypes { get; } =
    [
        typeof(OperationHeld), typeof(HoldReviewGiven), typeof(HoldReviewLapsed), typeof(HoldReviewRefused), typeof(HoldReleased), typeof(HoldRefused),
        typeof(HoldLapsed), typeof(HoldAbandoned),
    ];

    public string Name => GetType().Name;

    public sealed record None : Hold;

    /// <summary>It had ended at its agent before the log heard that it was there.</summary>
    public sealed record Moot(string Why) : Hold;

    public abstract record Known(OperationHeld Held, IReadOnlyList<HoldVote> Votes) : Hold
    {
        public Guid Id => Held.Hold;

        public ApprovalStep Step => new(Held.From, Held.Count);
    }

    /// <param name="Attempts">Reviews that were not taken: one of a kind from each actor is kept, so that trying again does not grow the stream.</param>
    public sealed record Waiting(OperationHeld Held, IReadOnlyList<HoldVote> Votes, IReadOnlyList<(string Reviewer, string Code)> Attempts) : Known(Held, Votes)
    {
        public IEnumerable<HoldVote> Counted => Votes.Where(v => !v.Lapsed);
    }

    public sealed record Released(OperationHeld Held, IReadOnlyList<HoldVote> Votes, HoldReleased How) : Known(Held, Votes);

    public sealed record Refused(OperationHeld Held, IReadOnlyList<HoldVote> Votes, Actor Reviewer, string? Comment) : Known(Held, Votes);

    public sealed record Lapsed(OperationHeld Held, IReadOnlyList<HoldVote> Votes, DateTimeOffset Due) : Known(Held, Votes);

    public sealed record Abandoned(OperationHeld Held, IReadOnlyList<HoldVote> Votes, string Why) : Known(Held, Votes);

    public static Hold Evolve(Hold state, IEvent e) => (state, e) switch
    {
        (None, OperationHeld held) => new Waiting(held, [], []),
        (None, HoldAbandoned abandoned) => new Moot(abandoned.Why),
        (Waiting w, HoldReviewGiven { Verdict: ReviewVerdict.Approve } given) => w with { Votes = [.. w.Votes, new HoldVote(given.Review, given.Reviewer, false)] },
        (Waiting w, HoldReviewGiven) => w, // a refusal follows at once
        (Waiting w, HoldReviewLapsed lapsed) => w with { Votes = [.. w.Votes.Select(v => v.Review == lapsed.Review ? v with { Lapsed = true } : v)] },
        (Waiting w, HoldReviewRefused refused) => w with { Attempts = [.. w.Attempts, (refused.Reviewer.ChainKey, refused.Code)] },
        (Waiting w, HoldReleased released) => new Released(w.Held, w.Votes, released),
        (Waiting w, HoldRefused refused) => new Refused(w.Held, w.Votes, refused.Reviewer, refused.Comment),
        (Waiting w, HoldLapsed lapsed) => new Lapsed(w.Held, w.Votes, lapsed.Due),
        (Waiting or Released, HoldAbandoned abandoned) => new Abandoned(((Known)state).Held, ((Known)state).Votes, abandoned.Why),
        _ => throw new InvalidOperationException($"`{e?.GetType().Name}` cannot happen to a hold that is {state?.Name}"),
    };
}

/// <summary>One approving review. It lapses when its reviewer is not eligible any more at quorum.</summary>
public sealed record HoldVote(Guid Review, Actor Reviewer, bool Lapsed);

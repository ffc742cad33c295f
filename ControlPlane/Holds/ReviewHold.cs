using AccessPlane.Contracts;
using AccessPlane.Contracts.Events;
using AccessPlane.Contracts.Identity;
using AccessPlane.Contracts.Policy;
using AccessPlane.ControlPlane.AccessRequests;
using AccessPlane.ControlPlane.EventStore;
using AccessPlane.ControlPlane.Http;
using AccessPlane.ControlPlane.Policies;
using AccessPlane.Projections;

namespace AccessPlane.ControlPlane.Holds;

/// <summary>One person's verdict.</summary>
/// <param name="Seen">The `terms` that the reviewer saw; null where they did not say.</param>
public sealed record HoldReview(Guid Id, Actor Reviewer, ReviewVerdict Verdict, string? Comment, int? Seen, Circumstances World);

public sealed class ReviewHold(Handle handle, CircumstancesSource world)
{
    private static readonly Actor Product = Actor.System("holds");

    public static Outcome Decide(Hold state, HoldReview review)
    {
        ArgumentNullException.ThrowIfNull(review);
        return state switch
        {
            Hold.Waiting w => WhyClose(w, review.World) ?? WhyNotTake(w, review) ?? Take(w, review),
            // who never had a say does not learn what became of it
            Hold.Known k => WhyStranger(k, review) is { } why
                ? new Outcome.Refused(why)
                : Outcome.Refuse("hold-closed", $"the operation does not wait any more: it is {k.Name}"),
            _ => Outcome.Refuse("no-such-hold", "there is no such hold"),
        };
    }

    /// <summary>Takes a review, from whichever side it came.</summary>
    /// <param name="seen">The `terms` that the reviewer saw; null where they did not say.</param>
    /// <param name="ifMatch">The stream version the reviewer insists on; null where they do not.</param>
    public async Task<Handled<Hold>> Handle(
        Guid hold, Actor reviewer, ReviewVerdict verdict, string? comment, int? seen, EventContext context, Guid? command, long? ifMatch,
        CancellationToken cancel)
    {
        var now = await world.Now(cancel);
        var review = new HoldReview(command ?? Guid.CreateVersion7(now.Now), reviewer, verdict, comment, seen, now);
        var handled = await handle.Run(
            new Handling<Hold>(
                hold, Hold.StreamType, Hold.Initial, Hold.Evolve, state => Decide(state, review), context with { PolicyVersion = now.Policy.Version },
                command, ifMatch),
            cancel);
        // a repeated attempt that was refused the first time, and recorded, is refused again
        return handled is { Repeated: true, Refusal: null } && Decide(handled.State, review) is Outcome.Happened { ThenRefuse: { } again }
            ? handled with { Refusal = again }
            : handled;
    }

    /// <summary>What ends it whatever its reviewers say: time, and locks on its holder.</summary>
    private static Outcome.Happened? WhyClose(Hold.Waiting state, Circumstances now)
    {
        if (now.Now >= state.Held.ExpiresAt)
        {
            return new Outcome.Happened([new HoldLapsed(state.Held.ExpiresAt)], [], new Refusal("hold-lapsed", "nobody decided in time: the operation was refused"));
        }
        var (holder, operation) = (state.Held.Holder, state.Held.Operation);
        var why = now.Locks.Against(holder, operation.Resource, operation.Grant, now.Model, now.Now) is { } locked ? $"locked: {locked.Reason}"
            : now.Model.IsDisabled(holder) ? $"`{holder.Display}` is disabled" : null;
        return why is null ? null : new Outcome.Happened([new HoldRefused(Product, why)], [], new Refusal("hold-closed", $"the operation was refused: {why}"));
    }

    private static Refusal? WhyStranger(Hold.Known state, HoldReview review) =>
        review.World.Model.WhyNotReview(state.Step, state.Held.Holder, review.Reviewer);

    private static Outcome? WhyNotTake(Hold.Waiting state, HoldReview review)
    {
        var (now, reviewer) = (review.World, review.Reviewer);
        if (now.Locks.Against(reviewer, now.Model, now.Now) is { } locked)
        {
            return Outcome.Refuse("locked", $"a lock stands against you: `{locked.Reason}`");
        }
        if (review.Seen is { } seen && seen != Hold.Terms)
        {
            return Outcome.Refuse("terms-changed", "this is not what you saw: look again");
        }
        if (WhyStranger(state, review) is { } why)
        {
            // an auditor wants to see who tried
            var known = state.Attempts.Contains((reviewer.ChainKey, why.Code));
            return new Outcome.Happened(known ? [] : [new HoldReviewRefused(reviewer, review.Verdict, why.Code, why.Detail)], [], why);
        }
        return review.Verdict == ReviewVerdict.Approve && state.Counted.Any(v => now.Model.SamePerson(v.Reviewer.Key, reviewer.Key))
            ? Outcome.Refuse("already-reviewed", "you have approved this already: each person counts once")
            : null;
    }

    private static Outcome.Happened Take(Hold.Waiting state, HoldReview review)
    {
        var given = new HoldReviewGiven(review.Id, review.Reviewer, review.Verdict, review.Comment);
        if (review.Verdict == ReviewVerdict.Deny)
        {
            return new Outcome.Happened([given, new HoldRefused(review.Reviewer, review.Comment)], []);
        }
        if (state.Counted.Count() + 1 < state.Held.Count)
        {
            return new Outcome.Happened([given], []);
        }
        // quorum: who voted before must be an approver still. Votes that lapse are named before the new one is counted, and the operation waits on.
        var lapsed = Lapsing(state, review).ToList();
        if (lapsed.Count > 0)
        {
            return new Outcome.Happened([.. lapsed, given], []);
        }
        IReadOnlyList<Actor> all = [.. state.Counted.Select(v => v.Reviewer), review.Reviewer];
        return new Outcome.Happened([given, new HoldReleased([.. all.Select(a => a.Key)], string.Join(" and ", all.Select(a => a.Display)))], []);
    }

    private static IEnumerable<HoldReviewLapsed> Lapsing(Hold.Waiting state, HoldReview review)
    {
        var persons = new HashSet<string>(StringComparer.Ordinal) { review.World.Model.PersonOf(review.Reviewer.Key) };
        foreach (var vote in state.Counted)
        {
            if (review.World.WhyLapsed(vote.Reviewer, state.Step, state.Held.Holder, persons) is { } why)
            {
                yield return new HoldReviewLapsed(vote.Review, vote.Reviewer.Key, why);
            }
        }
    }

    internal static void Map(IEndpointRouteBuilder routes) => routes
        .MapPost("/holds/{id:guid}/reviews", async (
            Guid id, ReviewBody body, HttpContext http, ReviewHold review, HoldAnswers answers, CancellationToken cancel) =>
        {
            var (caller, command) = (http.Caller(), http.Command());
            var handled = await review.Handle(
                id, caller.Actor, body.Verdict, body.Comment, body.ExpectedVersion, command.Context, command.Id, command.IfMatch, cancel);
            return await answers.Changed(handled, caller, cancel);
        })
        .Validate<ReviewBody>()
        .WithName("ReviewHold").WithTags("Holds").WithSummary("Releases or refuses an operation that waits")
        .WithDescription("One refusal is enough; a release takes as many distinct persons as the rule asks for. After its end the answer is 409 with what was decided.")
        .Produces<HoldRow>();
}

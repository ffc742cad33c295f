using AccessPlane.Contracts;
using AccessPlane.Contracts.Events;
using AccessPlane.Contracts.Identity;
using AccessPlane.Contracts.Policy;
using AccessPlane.ControlPlane.EventStore;
using AccessPlane.ControlPlane.Http;
using AccessPlane.ControlPlane.Policies;
using AccessPlane.Projections;
using FluentValidation;

namespace AccessPlane.ControlPlane.AccessRequests;

/// <summary>One person's verdict.</summary>
/// <param name="Terms">The terms and step that the reviewer saw (<see cref="AccessRequest.Submitted.Terms"/>); null where they did not say.</param>
public sealed record Review(Guid Id, Actor Reviewer, ReviewVerdict Verdict, string? Comment, int? Terms, Circumstances World);

public sealed partial class ReviewRequest(Handle handle, CircumstancesSource world)
{
    public static Outcome Decide(AccessRequest state, Review review) => state switch
    {
        AccessRequest.None => Outcome.Refuse("no-such-request", "there is no such request"),
        AccessRequest.Submitted s => Closing.WhyClose(s, review.World) ?? WhyNotTake(s, review) ?? Take(s, review),
        AccessRequest.Known k => WhyStranger(k, review) is { } why
            ? new Outcome.Refused(why)
            : Outcome.Refuse("request-closed", $"the request is closed: it is {k.Name}"),
        _ => throw new InvalidOperationException($"a request cannot be {state.Name}"),
    };

    /// <summary>Who never had a say in a request does not learn what became of it.</summary>
    private static Refusal? WhyStranger(AccessRequest.Known state, Review review)
    {
        var whys = state.Asked.Steps.Select(s => review.World.Model.WhyNotReview(s, state.Asked.Requester, review.Reviewer)).ToList();
        return whys.Count > 0 && whys.TrueForAll(w => w is not null) ? whys[0] : null;
    }

    /// <summary>Takes a review, from whichever side it came.</summary>
    /// <param name="terms">What the reviewer saw (<see cref="AccessRequest.Submitted.Terms"/>); null where they did not say.</param>
    /// <param name="ifMatch">The stream version the reviewer insists on; null where they do not.</param>
    public async Task<Handled<AccessRequest>> Handle(
        Guid request, Actor reviewer, ReviewVerdict verdict, string? comment, int? terms, EventContext context, Guid? command, long? ifMatch,
        CancellationToken cancel)
    {
        var now = await world.Now(cancel);
        var review = new Review(command ?? Guid.CreateVersion7(now.Now), reviewer, verdict, comment, terms, now);
        var handled = await handle.Run(
            new Handling<AccessRequest>(
                request, AccessRequest.StreamType, AccessRequest.Initial, AccessRequest.Evolve, state => Decide(state, review),
                context with { PolicyVersion = now.Policy.Version }, command, ifMatch),
            cancel);
        // a repeated attempt that was refused the first time, and recorded, is refused again
        return handled is { Repeated: true, Refusal: null } && Decide(handled.State, review) is Outcome.Happened { ThenRefuse: { } again }
            ? handled with { Refusal = again }
            : handled;
    }

    private static Outcome? WhyNotTake(AccessRequest.Submitted state, Review review)
    {
        var (world, reviewer) = (review.World, review.Reviewer);
        if (world.Locks.Against(reviewer, world.Model, world.Now) is { } locked)
        {
            return Outcome.Refuse("locked", $"a lock stands against you: `{locked.Reason}`");
        }
        if (review.Terms is { } seen && seen != state.Terms)
        {
            return Outcome.Refuse("terms-changed", "the request has moved on since you saw it: look again");
        }
        if (StepOf(state, review) is null)
        {
            return WhyStranger(state, review) is { } why
                ? Refused(state, review, why)
                // an approver of another step is no intruder: they come too early or too late
                : Outcome.Refuse("other-step", $"the request waits for step {state.Step + 1}, of {world.Model.Describe(state.Asked.Steps[state.Step].From)}");
        }
        return review.Verdict == ReviewVerdict.Approve && state.Counted.Any(v => world.Model.SamePerson(v.Reviewer.Key, reviewer.Key))
            ? Outcome.Refuse("already-reviewed", "you have approved this request already: each person counts once")
            : null;
    }

    /// <summary>The step that the review is of: the open one; a denial may also come from who has their say in another.</summary>
    private static int? StepOf(AccessRequest.Submitted state, Review review)
    {
        var steps = state.Asked.Steps;
        var eligible = Enumerable.Range(0, steps.Count)
            .Where(i => review.World.Model.WhyNotReview(steps[i], state.Asked.Requester, review.Reviewer) is null).ToList();
        if (eligible.Contains(state.Step))
        {
            return state.Step;
        }
        return review.Verdict == ReviewVerdict.Deny && eligible.Count > 0 ? eligible[0] : null;
    }

    /// <summary>An auditor wants to see who tried.</summary>
    private static Outcome.Happened Refused(AccessRequest.Submitted state, Review review, Refusal why)
    {
        var known = state.Refused.Contains(new RefusedReview(review.Reviewer.ChainKey, why.Code));
        return new Outcome.Happened(known ? [] : [new ReviewRefused(review.Reviewer, review.Verdict, why.Code, why.Detail)], [], why);
    }

    private static Outcome.Happened Take(AccessRequest.Submitted state, Review review)
    {
        var given = new ReviewGiven(review.Id, review.Reviewer, review.Verdict, StepOf(state, review)!.Value, review.Comment);
        if (review.Verdict == ReviewVerdict.Deny)
        {
            return new Outcome.Happened([given, new RequestDenied(review.Reviewer, review.Comment)], []);
        }
        var after = (AccessRequest.Submitted)AccessRequest.Evolve(state, given);
        if (after.Step == state.Step)
        {
            return new Outcome.Happened([given], []);
        }
        // quorum: who voted before must be an approver still. Votes that lapse are named before the new one is counted, and the request waits on.
        var lapsed = Lapsing(state, after, review).ToList();
        if (lapsed.Count > 0 || after.Step < state.Asked.Steps.Count)
        {
            return new Outcome.Happened([.. lapsed, given], []);
        }
        var entitlement = review.World.Model.Entitlement(state.Asked.Entitlement)!; // INVARIANT: Closing cancels the request where it is gone
        var approved = SubmitRequest.Approve(state.Asked, review.World, entitlement, [.. after.Counted.Select(v => v.Reviewer.Key)]);
        return approved with { Events = [given, .. approved.Events] };
    }

    /// <summary>Earlier votes that do not count any more by today's policy and directory. At the last quorum those of every step are looked at.</summary>
    private static IEnumerable<ReviewLapsed> Lapsing(AccessRequest.Submitted before, AccessRequest.Submitted after, Review review)
    {
        var all = after.Step == before.Asked.Steps.Count;
        var persons = new HashSet<string>(StringComparer.Ordinal) { review.World.Model.PersonOf(review.Reviewer.Key) };
        foreach (var vote in before.Counted.Where(v => all || v.Step == before.Step))
        {
            if (review.World.WhyLapsed(vote.Reviewer, before.Asked.Steps[vote.Step], before.Asked.Requester, persons) is { } why)
            {
                yield return new ReviewLapsed(vote.Review, vote.Reviewer.Key, vote.Step, why);
            }
        }
    }

    internal static void Map(IEndpointRouteBuilder routes) => routes
        .MapPost("/requests/{id:guid}/reviews", async (
            Guid id, ReviewBody body, HttpContext http, ReviewRequest review, RequestAnswers answers, CancellationToken cancel) =>
        {
            var (caller, command) = (http.Caller(), http.Command());
            var handled = await review.Handle(
                id, caller.Actor, body.Verdict, body.Comment, body.ExpectedVersion, command.Context, command.Id, command.IfMatch, cancel);
            return await answers.Changed(handled, caller, cancel);
        })
        .Validate<ReviewBody>()
        .WithName("ReviewRequest").WithTags("Requests").WithSummary("Approves or denies a request")
        .Produces<RequestRow>();
}

/// <param name="ExpectedVersion">The request's `terms` that the reviewer saw: refused where the request has moved on to other terms or another step.</param>
public sealed record ReviewBody(ReviewVerdict Verdict, string? Comment = null, int? ExpectedVersion = null)
{
    public sealed class Rules : AbstractValidator<ReviewBody>
    {
        public Rules() => RuleFor(x => x.Comment).Readable();
    }
}

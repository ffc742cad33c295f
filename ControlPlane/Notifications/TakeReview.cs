using System.Security.Cryptography;
using AccessPlane.Contracts;
using AccessPlane.Contracts.Identity;
using AccessPlane.Contracts.Policy;
using AccessPlane.ControlPlane.AccessRequests;
using AccessPlane.ControlPlane.EventStore;
using AccessPlane.ControlPlane.Holds;
using AccessPlane.ControlPlane.Http;
using AccessPlane.ControlPlane.Policies;

namespace AccessPlane.ControlPlane.Notifications;

/// <summary>
/// One review that came by queue, whoever sent it: the token in it says whose it is. Such a token counts once, for the message that it first came
/// in: who reads it on its way cannot send another verdict with it, whatever became of the first.
/// </summary>
public sealed class TakeReview(
    TokenValidator tokens, Once once, ReviewRequest requests, RequestAnswers requestAnswers, ReviewHold holds, HoldAnswers holdAnswers, PolicySource policy,
    RoleOptions roles)
{
    public async Task<ReviewOutcome> Handle(ReadOnlyMemory<byte> body, Guid correlation, CancellationToken cancel)
    {
        var (message, bad) = ReviewMessage.Read(body);
        if (message is null)
        {
            return ReviewOutcome.Refused(null, bad!);
        }
        var verdict = await tokens.Validate(message.Token, TokenUse.Review, cancel);
        if (verdict.Token is not { } token)
        {
            return ReviewOutcome.Refused(message.Id, verdict.Refusal!);
        }
        var use = Ids.Derive(Ids.Named("review-token", token.Issuer.Issuer), token.Id!);
        if (await once.Claim(use, SHA256.HashData(body.Span), cancel) == OnceClaim.Other)
        {
            return ReviewOutcome.Refused(message.Id, new Refusal("token-used", "this token came with another review before: get a new one for each"));
        }
        var (context, command) = (new EventContext(token.Actor, correlation), Ids.Derive(use, "review"));
        return await Take(new SaidReview(message.Kind, message.Id, message.ExpectedVersion, message.Verdict, message.Comment), token.Actor, context, command, cancel);
    }

    /// <summary>A review of somebody who is known by now, by whichever way it came.</summary>
    internal async Task<ReviewOutcome> Take(SaidReview said, Actor reviewer, EventContext context, Guid command, CancellationToken cancel) =>
        said.Kind == "hold"
            ? await Tell(said.Id, reviewer, await holds.Handle(
                said.Id, reviewer, said.Verdict, said.Comment, said.ExpectedVersion, context, command, null, cancel), cancel)
            : await Tell(said.Id, reviewer, await requests.Handle(
                said.Id, reviewer, said.Verdict, said.Comment, said.ExpectedVersion, context, command, null, cancel), cancel);

    private async Task<ReviewOutcome> Tell(Guid id, Actor reviewer, Handled<AccessRequest> handled, CancellationToken cancel)
    {
        var shown = handled.State is AccessRequest.Known known && RequestAnswers.MaySee(known, Caller(reviewer), await Model(cancel)) ? known : null;
        var winning = shown is null or AccessRequest.Submitted ? null : await requestAnswers.Row(id, cancel);
        return Outcome(id, handled.Refusal, handled.Repeated, shown?.Name, winning);
    }

    private async Task<ReviewOutcome> Tell(Guid id, Actor reviewer, Handled<Hold> handled, CancellationToken cancel)
    {
        var shown = handled.State is Hold.Known known && HoldAnswers.MaySee(known, Caller(reviewer), await Model(cancel)) ? known : null;
        var winning = shown is null or Hold.Waiting ? null : await holdAnswers.Row(id, cancel);
        return Outcome(id, handled.Refusal, handled.Repeated, shown?.Name, winning);
    }

    private static ReviewOutcome Outcome(Guid id, Refusal? refusal, bool repeated, string? state, object? winning) =>
        (refusal ?? (repeated ? new Refusal("repeated", "this review came before: it is not counted again") : null)) is { } why
            ? ReviewOutcome.Refused(id, why) with { State = state, Winning = winning }
            : new ReviewOutcome(id, "accepted", State: state);

    // for the one answer that it is sent with
    private Caller Caller(Actor reviewer) => new(reviewer, roles.IsAdmin(reviewer), roles.IsAuditor(reviewer), DateTimeOffset.MinValue);

    private async ValueTask<PolicyModel> Model(CancellationToken cancel) => (await policy.Current(cancel)).Model;
}

/// <param name="Kind">`request` or `hold`.</param>
/// <param name="ExpectedVersion">As the notification had it: counts changes of the terms and of the step, not votes.</param>
public sealed record SaidReview(string Kind, Guid Id, int ExpectedVersion, Contracts.Events.ReviewVerdict Verdict, string? Comment);

using System.Security.Cryptography;
using AccessPlane.Contracts;
using AccessPlane.Contracts.Identity;
using AccessPlane.ControlPlane.AccessRequests;
using AccessPlane.ControlPlane.EventStore;
using AccessPlane.ControlPlane.Http;
using AccessPlane.ControlPlane.Policies;

namespace AccessPlane.ControlPlane.Notifications;

/// <summary>
/// One review that came by queue, whoever sent it: the token in it says whose it is. Such a token counts once, for the message that it first came
/// in: who reads it on its way cannot send another verdict with it, whatever became of the first.
/// </summary>
public sealed class TakeReview(TokenValidator tokens, Once once, ReviewRequest review, PolicySource policy, RequestAnswers answers, RoleOptions roles)
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
        var handled = await review.Handle(
            message.Id, token.Actor, message.Verdict, message.Comment, message.ExpectedVersion, new EventContext(token.Actor, correlation),
            Ids.Derive(use, "review"), null, cancel);
        return await Tell(message.Id, token.Actor, handled, cancel);
    }

    private async Task<ReviewOutcome> Tell(Guid id, Actor reviewer, Handled<AccessRequest> handled, CancellationToken cancel)
    {
        var caller = new Caller(reviewer, roles.IsAdmin(reviewer), roles.IsAuditor(reviewer));
        var shown = handled.State is AccessRequest.Known known && RequestAnswers.MaySee(known, caller, (await policy.Current(cancel)).Model) ? known : null;
        var refusal = handled.Refusal ??
            (handled.Repeated ? new Refusal("repeated", "this review came before: it is not counted again") : null);
        return refusal is null
            ? new ReviewOutcome(id, "accepted", State: shown?.Name)
            : ReviewOutcome.Refused(id, refusal) with
            {
                State = shown?.Name,
                Winning = shown is null or AccessRequest.Submitted ? null : await answers.Row(shown.Id, cancel),
            };
    }
}

using System.Text;
using System.Text.Json;
using AccessPlane.Contracts;
using AccessPlane.Contracts.Events;
using AccessPlane.ControlPlane.AccessRequests;

namespace AccessPlane.ControlPlane.Notifications;

/// <summary>A review as an approver's client sends it to the queue.</summary>
/// <param name="Kind">`request` or `hold`.</param>
/// <param name="ExpectedVersion">As the notification had it: counts changes of the terms and of the step, not votes.</param>
/// <param name="Token">The reviewer's access token for the audience of reviews.</param>
public sealed record ReviewMessage(string Kind, Guid Id, int ExpectedVersion, ReviewVerdict Verdict, string Token, string? Comment = null)
{
    public const int MaxSize = 64 * 1024;
    private static readonly ReviewBody.Rules Rules = new();

    /// <summary>Reads strictly: a client that misspells a member is told so, and is not taken to have left it out.</summary>
    public static (ReviewMessage? Message, Refusal? Refusal) Read(ReadOnlyMemory<byte> body)
    {
        if (body.Length > MaxSize)
        {
            return (null, new Refusal("too-large", "a review is at most 64 KiB"));
        }
        ReviewMessage? message;
        try
        {
            _ = new UTF8Encoding(false, throwOnInvalidBytes: true).GetCharCount(body.Span);
            message = JsonSerializer.Deserialize<ReviewMessage>(body.Span, Json.Strict);
        }
        catch (JsonException bad)
        {
            return (null, Http.BadInput.Explain(bad));
        }
        catch (DecoderFallbackException)
        {
            return (null, new Refusal("bad-json", "the body is not UTF-8"));
        }
        return message switch
        {
            null or { Kind: null } or { Token: null } => (null, new Refusal("invalid-body", "`kind`, `id`, `expectedVersion`, `verdict` and `token` are needed")),
            { Kind: not ("request" or "hold") } => (null, new Refusal("invalid-body", "`kind` must be `request` or `hold`")),
            // the same bounds as in the call
            _ when Rules.Validate(new ReviewBody(message.Verdict, message.Comment, message.ExpectedVersion)) is { IsValid: false } result =>
                (null, new Refusal("invalid-body", $"`{result.Errors[0].PropertyName.ToLowerInvariant()}` {result.Errors[0].ErrorMessage}")),
            _ => (message, null),
        };
    }
}

/// <summary>What became of a review, to `reply_to`.</summary>
/// <param name="Outcome">`accepted` or `refused`.</param>
/// <param name="Code">Why it was refused, for programs; <paramref name="Detail"/> for people.</param>
/// <param name="State">Of the request or the hold, now.</param>
/// <param name="Winning">It, with what was decided, where the review came too late; for who may see it.</param>
public sealed record ReviewOutcome(Guid? Id, string Outcome, string? Code = null, string? Detail = null, string? State = null, object? Winning = null)
{
    public static ReviewOutcome Refused(Guid? id, Refusal why) => new(id, "refused", why.Code, why.Detail);
}

using AccessPlane.Contracts;
using AccessPlane.Contracts.Identity;
using AccessPlane.Contracts.Policy;
using AccessPlane.ControlPlane.AccessRequests;
using AccessPlane.ControlPlane.EventStore;
using AccessPlane.ControlPlane.Holds;
using AccessPlane.ControlPlane.Policies;

namespace AccessPlane.ControlPlane.Notifications;

/// <summary>
/// One review by a person whom the configuration vouches for, and no token. What only a token can tell (groups that the policy's directory does not
/// list, claims) is not known of them, and is not taken from anybody else: where it is needed, they decide by the console. Everything else is the same
/// decider's business as for any review.
/// </summary>
public sealed class TakeVouchedReview(TakeReview take, Handle handle, PolicySource policy)
{
    /// <param name="seal">What the reviewer was shown, <see cref="ApproverNews.Seal"/>.</param>
    /// <param name="reviewer">Without groups: those that count are in the policy's directory.</param>
    /// <param name="command">The same for a repeat.</param>
    public async Task<ReviewOutcome> Handle(SaidReview said, string? seal, Actor reviewer, EventContext context, Guid command, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(said);
        ArgumentNullException.ThrowIfNull(reviewer);
        var vouched = reviewer with { Groups = [] };
        return await WhyNot(said, seal, cancel) is { } why
            ? ReviewOutcome.Refused(said.Id, why)
            : await take.Take(said, vouched, context with { Actor = vouched }, command, cancel);
    }

    /// <summary>Whether the policy itself can tell who is meant: otherwise only tokens can.</summary>
    public static bool CanTell(PolicyModel model, Who who)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(who);
        return who.Claims.Count == 0 && who.Groups.All(model.Directory.Groups.ContainsKey);
    }

    private async Task<Refusal?> WhyNot(SaidReview said, string? seal, CancellationToken cancel)
    {
        Who? asks;
        if (said.Kind == "hold")
        {
            var (hold, _) = await handle.Load(said.Id, Hold.StreamType, Hold.Initial, Hold.Evolve, cancel);
            if (hold is Hold.Known known && ApproverNews.SealOf(known.Held) != seal)
            {
                return new Refusal("terms-changed", "this is not what you saw: look again");
            }
            asks = (hold as Hold.Waiting)?.Held.From;
        }
        else
        {
            var (request, _) = await handle.Load(said.Id, AccessRequest.StreamType, AccessRequest.Initial, AccessRequest.Evolve, cancel);
            asks = ApproverNews.AsksOf(request);
        }
        var model = (await policy.Current(cancel)).Model;
        return asks is null || CanTell(model, asks)
            ? null
            : new Refusal("token-needed", $"whether you are of {model.Describe(asks)}, only a token can tell: decide in the console");
    }
}

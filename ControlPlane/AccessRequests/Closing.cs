using System.Text.Json;
using AccessPlane.Contracts;
using AccessPlane.Contracts.Events;
using AccessPlane.Contracts.Identity;
using AccessPlane.Contracts.Policy;
using AccessPlane.ControlPlane.Policies;

namespace AccessPlane.ControlPlane.AccessRequests;

/// <summary>
/// What ends a pending request whatever its reviewers say: time, a lock, today's policy. Asked by timers and reactions, and again by every
/// decider, so that a late timer or reaction never lets anything through.
/// </summary>
public static class Closing
{
    private static readonly Actor Product = Actor.System("requests");

    /// <summary>Null while nothing ends it.</summary>
    public static Outcome.Happened? WhyClose(AccessRequest.Submitted state, Circumstances world)
    {
        ArgumentNullException.ThrowIfNull(state);
        ArgumentNullException.ThrowIfNull(world);
        if (world.Now >= state.Asked.ExpiresAt)
        {
            return new Outcome.Happened(
                [new RequestExpired(state.Asked.ExpiresAt)], [],
                new Refusal("request-expired", "the request was pending for too long and has expired"));
        }
        return WhyCancel(state.Asked, world) is { } why
            ? new Outcome.Happened([new RequestCancelled(Product, why)], [], new Refusal("request-cancelled", $"the request was cancelled: {why}"))
            : null;
    }

    /// <summary>The same as a command of its own: nothing happens while the request stands.</summary>
    public static Outcome Decide(AccessRequest state, Circumstances world) =>
        state is AccessRequest.Submitted pending && WhyClose(pending, world) is { } closed ? closed with { ThenRefuse = null } : Outcome.Nothing;

    private static string? WhyCancel(RequestSubmitted asked, Circumstances world)
    {
        var policy = world.Model;
        if (world.Locks.Against(asked.Requester, asked.Resource, asked.Extends, policy, world.Now) is { } locked)
        {
            return $"locked: {locked.Reason}";
        }
        if (policy.IsDisabled(asked.Requester))
        {
            return $"`{asked.Requester.Display}` is disabled";
        }
        if (policy.Resource(asked.Resource) is null)
        {
            return $"the resource `{asked.Resource}` was retired";
        }
        if (policy.Entitlement(asked.Entitlement) is not { } entitlement || entitlement.Resource != asked.Resource)
        {
            return $"the policy does not offer `{asked.Entitlement}` any more";
        }
        if (!policy.Selects(entitlement.Who, asked.Requester))
        {
            return $"`{asked.Requester.Display}` may not ask for `{asked.Entitlement}` any more";
        }
        return StepsStand(asked, entitlement) ? null : $"the approval of `{asked.Entitlement}` was changed: ask again";
    }

    /// <summary>
    /// Whether today's policy would still have the request approved the way it is being approved. Otherwise a stricter approval could be undercut
    /// by a request that was filed before it.
    /// </summary>
    private static bool StepsStand(RequestSubmitted asked, Entitlement entitlement)
    {
        if (entitlement.Approval is not { } approval)
        {
            return false;
        }
        var today = SubmitRequest.ApplicableSteps(approval, asked.Total ?? asked.Duration);
        return today.Count == asked.Steps.Count &&
            today.Zip(asked.Steps).All(pair => Same(pair.First, pair.Second) || (approval.Fallback is { } fallback && Same(fallback, pair.Second)));
    }

    private static bool Same(ApprovalStep one, ApprovalStep other) =>
        JsonSerializer.Serialize(one, Json.Options) == JsonSerializer.Serialize(other, Json.Options);
}

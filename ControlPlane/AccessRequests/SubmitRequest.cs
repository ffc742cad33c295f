using System.Text.RegularExpressions;
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

/// <summary>Someone asks for what an entitlement offers.</summary>
/// <param name="Duration">Null asks for as long as the entitlement gives.</param>
/// <param name="Extends">The grant that is to be extended, where it is one.</param>
/// <param name="Implicit">Filed for a client that logged in at an agent without a grant.</param>
/// <param name="DebtInDefault">A break-glass review of this person was never settled.</param>
public sealed record Submission(
    Guid Request, Actor Requester, string Entitlement, TimeSpan? Duration, string? Reason, string? Reference, Circumstances World,
    Extension? Extends = null, bool Implicit = false, bool DebtInDefault = false);

/// <param name="Total">How long the grant would last from its activation: what the approval steps are judged by, so that many short extensions
/// do not slip below a step's `unless`.</param>
public sealed record Extension(Guid Grant, TimeSpan Total);

public sealed partial class SubmitRequest(Handle handle, CircumstancesSource world, Grants.OpenGrants grants)
{
    /// <summary>The code of the refusal to file a request whose id is taken.</summary>
    internal const string Exists = "request-exists";

    public static readonly TimeSpan ShortestDuration = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan RegexTimeout = TimeSpan.FromMilliseconds(100);

    public static Outcome Decide(AccessRequest state, Submission asked)
    {
        if (state is not AccessRequest.None)
        {
            return Outcome.Refuse(Exists, "this request was already filed");
        }
        if (asked.World.Model.Entitlement(asked.Entitlement) is not { } entitlement)
        {
            return Invalid("entitlement", "no-such-entitlement", $"there is no entitlement `{asked.Entitlement}`: {WhatMayBeAsked(asked)}");
        }
        return WhyNotAsk(asked, entitlement) ?? WhyNotTerms(asked, entitlement) ?? (entitlement.BreakGlass is { } glass
            ? BreakTheGlass(asked, entitlement, glass)
            : File(asked, entitlement, entitlement.Approval!));
    }

    /// <summary>Files a request. Under the same command id it is the same request.</summary>
    /// <param name="what">The submission without what is looked up here: circumstances, debts, and the id where it is empty.</param>
    public async Task<Handled<AccessRequest>> Handle(Submission what, EventContext context, Guid? command, CancellationToken cancel)
    {
        var now = await world.Now(cancel);
        var open = await grants.Current(cancel);
        var submission = what with
        {
            Request = what.Request != Guid.Empty ? what.Request : command is { } id ? Ids.Derive(id, "request") : Guid.CreateVersion7(now.Now),
            World = now,
            DebtInDefault = open.DebtInDefault(what.Requester, now.Model),
        };
        return await handle.Run(
            new Handling<AccessRequest>(
                submission.Request, AccessRequest.StreamType, AccessRequest.Initial, AccessRequest.Evolve, state => Decide(state, submission),
                context with { PolicyVersion = now.Policy.Version, Rules = [what.Entitlement] }, command),
            cancel);
    }

    private static Outcome? WhyNotAsk(Submission asked, Entitlement entitlement)
    {
        var (who, policy) = (asked.Requester, asked.World.Model);
        if (policy.IsDisabled(who))
        {
            return Outcome.Refuse("actor-disabled", $"`{who.Display}` is disabled");
        }
        if (asked.World.Locks.Against(who, entitlement.Resource, asked.Extends?.Grant, policy, asked.World.Now) is { } locked)
        {
            return Outcome.Refuse("locked", $"a lock stands against this: `{locked.Reason}`");
        }
        if (!policy.Selects(entitlement.Who, who))
        {
            return Outcome.Refuse("not-entitled", $"`{who.Display}` may not ask for `{entitlement.Id}`: {WhatMayBeAsked(asked)}");
        }
        if (entitlement.BreakGlass is not null && asked.Extends is not null)
        {
            return Outcome.Refuse("not-extendable", "break-glass access is not extended: ask for it again");
        }
        return entitlement.BreakGlass is not null && asked.DebtInDefault
            ? Outcome.Refuse("break-glass-locked", "an earlier break-glass access was not reviewed in time: have it reviewed first")
            : null;
    }

    private static Outcome? WhyNotTerms(Submission asked, Entitlement entitlement)
    {
        if (asked.Duration is { } duration && duration < ShortestDuration)
        {
            return Invalid("duration", "bad-duration", "the duration must be at least one second");
        }
        if (asked.Duration > entitlement.MaxDuration)
        {
            return Invalid("duration", "duration-too-long", $"`{entitlement.Id}` gives at most {Durations.Text(entitlement.MaxDuration)}");
        }
        if (asked.Extends is { } extension && extension.Total > entitlement.MaxTotal)
        {
            return Outcome.Refuse("max-total", $"`{entitlement.Id}` lasts at most {Durations.Text(entitlement.MaxTotal)} with extensions");
        }
        // a client that logs in cannot give a reason, so implicit requests are only filed where none is required
        if (entitlement.Reason.Required && string.IsNullOrWhiteSpace(asked.Reason))
        {
            return Invalid("reason", "reason-required", $"`{entitlement.Id}` needs a reason");
        }
        return entitlement.Reason.Reference is { } pattern && !IsReference(asked.Reference, pattern)
            ? Invalid("reference", "reference-required", $"`{entitlement.Id}` needs a reference that matches `{pattern}`")
            : null;
    }

    private static Outcome File(Submission asked, Entitlement entitlement, Approval approval)
    {
        var duration = asked.Duration ?? entitlement.MaxDuration;
        var steps = ApplicableSteps(approval, asked.Extends?.Total ?? duration);
        var policy = asked.World.Model;
        // each round puts the fallback in the place of one step, so it ends
        while (policy.UnfillableStep(steps, asked.Requester) is { } step)
        {
            if (approval.Fallback is not { } fallback || steps[step] == fallback)
            {
                return Outcome.Refuse(
                    "nobody-can-approve",
                    $"nobody could approve this: step {step + 1} needs {steps[step].Count} of {policy.Describe(steps[step].From)} besides `{asked.Requester.Display}`");
            }
            steps = [.. steps.Select((s, i) => i == step ? fallback : s)];
        }
        var submitted = Submitted(asked, entitlement, duration, steps, asked.World.Now + approval.Expires);
        return steps.Count > 0 ? Outcome.Of(submitted) : Automatic(submitted, asked.World, entitlement, []);
    }

    private static Outcome.Happened BreakTheGlass(Submission asked, Entitlement entitlement, BreakGlass glass)
    {
        var duration = asked.Duration is { } wanted && wanted < glass.Duration ? wanted : glass.Duration;
        var submitted = Submitted(asked, entitlement, duration, [], asked.World.Now);
        var issued = Issue(submitted, asked.World, entitlement) with { BreakGlass = true };
        var used = new BreakGlassUsed(submitted.Request, asked.Requester, asked.World.Now + glass.ReviewWithin, glass.From);
        return new Outcome.Happened([submitted, new RequestApproved(issued.Grant, [])], [new NewStream(issued.Grant, Grants.Grant.StreamType, [issued, used])]);
    }

    private static Outcome.Happened Automatic(RequestSubmitted submitted, Circumstances world, Entitlement entitlement, IReadOnlyList<string> reviewers)
    {
        var approved = Approve(submitted, world, entitlement, reviewers);
        return approved with { Events = [submitted, .. approved.Events] };
    }

    /// <summary>The request's approval, with the grant that begins in the same transaction. An extension has its grant already.</summary>
    internal static Outcome.Happened Approve(RequestSubmitted asked, Circumstances world, Entitlement entitlement, IReadOnlyList<string> reviewers)
    {
        if (asked.Extends is { } extended)
        {
            return new Outcome.Happened([new RequestApproved(extended, reviewers)], []);
        }
        var issued = Issue(asked, world, entitlement);
        return new Outcome.Happened([new RequestApproved(issued.Grant, reviewers)], [new NewStream(issued.Grant, Grants.Grant.StreamType, [issued])]);
    }

    private static GrantIssued Issue(RequestSubmitted asked, Circumstances world, Entitlement entitlement) => new(
        GrantOf(asked.Request), asked.Request, asked.Requester, entitlement.Id, entitlement.Resource, entitlement.Scope,
        asked.Duration < entitlement.MaxDuration ? asked.Duration : entitlement.MaxDuration, world.Now + entitlement.ActivateWithin,
        entitlement.MaxConnections, entitlement.TokenLogin, world.Policy.Version, Login: entitlement.Login);

    /// <summary>A request leads to one grant, whose id everyone can tell.</summary>
    public static Guid GrantOf(Guid request) => Ids.Derive(request, "grant");

    internal static IReadOnlyList<ApprovalStep> ApplicableSteps(Approval approval, TimeSpan duration) =>
        approval.Auto ? [] : [.. approval.Steps.Where(s => s.UnlessDurationUnder is not { } under || duration >= under)];

    private static RequestSubmitted Submitted(
        Submission asked, Entitlement entitlement, TimeSpan duration, IReadOnlyList<ApprovalStep> steps, DateTimeOffset expiresAt) => new(
        asked.Request, asked.Requester, entitlement.Id, entitlement.Resource, duration, asked.Reason, asked.Reference, steps, expiresAt,
        asked.World.Policy.Version, asked.Extends?.Grant, asked.Implicit, asked.Extends?.Total);

    private static string WhatMayBeAsked(Submission asked)
    {
        var offered = asked.World.Model.EntitlementsOf(asked.Requester).Select(e => $"`{e.Id}`").ToList();
        return offered.Count == 0 ? "there is nothing you may ask for" : $"you may ask for {string.Join(", ", offered)}";
    }

    private static bool IsReference(string? reference, string pattern) =>
        reference is not null && Regex.IsMatch(reference, pattern, RegexOptions.NonBacktracking | RegexOptions.CultureInvariant, RegexTimeout);

    private static Outcome.Refused Invalid(string field, string code, string detail) =>
        new(new Refusal(code, detail) { Errors = new Dictionary<string, string[]> { [field] = [detail] } });

    internal static void Map(IEndpointRouteBuilder routes) => routes
        .MapPost("/requests", async (SubmitBody body, HttpContext http, SubmitRequest submit, RequestAnswers answers, CancellationToken cancel) =>
        {
            var (caller, command) = (http.Caller(), http.Command());
            var handled = await submit.Handle(
                new Submission(Guid.Empty, caller.Actor, body.Entitlement, body.Duration, body.Reason, body.Reference, null!), command.Context, command.Id, cancel);
            return await answers.Filed(handled, caller, cancel);
        })
        .Validate<SubmitBody>()
        .WithName("SubmitRequest").WithTags("Requests").WithSummary("Asks for access")
        .Produces<RequestRow>(StatusCodes.Status201Created);
}

/// <summary>What is asked for. The grant is there at once when approval is automatic.</summary>
/// <param name="Entitlement">An entitlement of the policy, such as `orders-read`.</param>
/// <param name="Duration">ISO 8601, such as `PT20M`; as long as the entitlement gives where it is left out.</param>
/// <param name="Reason">For approvers and auditors.</param>
/// <param name="Reference">An id in another system, such as `OPS-123`.</param>
public sealed record SubmitBody(string Entitlement, TimeSpan? Duration = null, string? Reason = null, string? Reference = null)
{
    public sealed class Rules : AbstractValidator<SubmitBody>
    {
        public Rules()
        {
            RuleFor(x => x.Entitlement).NotEmpty().WithMessage("must name an entitlement").MaximumLength(63).WithMessage("is not a name");
            RuleFor(x => x.Reason).Readable();
            RuleFor(x => x.Reference).Readable(200);
        }
    }
}

using AccessPlane.Contracts;
using AccessPlane.Contracts.Events;
using AccessPlane.Contracts.Identity;
using AccessPlane.ControlPlane.AccessRequests;
using AccessPlane.ControlPlane.EventStore;
using AccessPlane.ControlPlane.Http;
using AccessPlane.ControlPlane.Policies;
using AccessPlane.Projections;
using FluentValidation;

namespace AccessPlane.ControlPlane.Grants;

/// <summary>The holder asks for more time.</summary>
public sealed record ExtensionWish(Actor By, TimeSpan? Duration, string? Reason, string? Reference, Circumstances World);

/// <summary>A request for an extension was approved.</summary>
public sealed record ApprovedExtension(Guid Request, TimeSpan Duration, Circumstances World);

/// <summary>More time takes the same approval path as the grant did: a request is filed, and its approval moves the end. Live sessions go on.</summary>
public sealed partial class ExtendGrant(EventLog log, Handle handle, CircumstancesSource world, RequestSeries filedBefore, SubmitRequest submit)
{
    private const int MostTries = 5;

    /// <summary>The submission that the wish comes to, or why it may not be filed.</summary>
    public static (Submission? Submission, Outcome? Refused) File(Grant state, ExtensionWish wish)
    {
        if (state is not Grant.Known known || !Holding.IsHolder(known, wish.By))
        {
            return (null, Holding.NoSuchGrant);
        }
        if (known is not Grant.Active active)
        {
            return (null, known is Grant.Ended ended ? Holding.IsOver(ended) : Outcome.Refuse("grant-not-active", "only an active grant is extended"));
        }
        if (Holding.WhyEnd(active, wish.World) is { } over)
        {
            return (null, new Outcome.Refused(over.ThenRefuse!));
        }
        var had = active.NotAfter - active.ActivatedAt;
        var duration = wish.Duration ?? Room(active, wish.World, had);
        return (new Submission(
            Guid.Empty, wish.By, active.Issued.Entitlement, duration, wish.Reason, wish.Reference, wish.World, new Extension(active.Id, had + duration)), null);
    }

    /// <summary>As long as the entitlement gives at once and in all.</summary>
    private static TimeSpan Room(Grant.Active state, Circumstances world, TimeSpan had)
    {
        if (world.Model.Entitlement(state.Issued.Entitlement) is not { } today)
        {
            return state.Issued.Duration;
        }
        var left = today.MaxTotal - had;
        return left > TimeSpan.Zero && left < today.MaxDuration ? left : today.MaxDuration;
    }

    /// <summary>Moves the end, once for each request, and never beyond the longest total of today's policy.</summary>
    public static Outcome Decide(Grant state, ApprovedExtension extension)
    {
        if (state is not Grant.Active active || active.Extensions.Contains(extension.Request))
        {
            return Outcome.Nothing;
        }
        if (Holding.WhyEnd(active, extension.World) is { } over)
        {
            return over with { ThenRefuse = null };
        }
        if (extension.World.Model.Entitlement(active.Issued.Entitlement) is not { } today)
        {
            return Outcome.Nothing; // the policy's change ends the grant by itself
        }
        var latest = active.ActivatedAt + today.MaxTotal;
        var wanted = active.NotAfter + extension.Duration;
        var notAfter = wanted < latest ? wanted : latest;
        return notAfter > active.NotAfter ? Outcome.Of(new GrantExtended(extension.Request, notAfter)) : Outcome.Nothing;
    }

    /// <summary>Files the request, one at a time for each grant; where its approval is automatic the grant is extended at once.</summary>
    public async Task<Handled<AccessRequest>> Handle(
        Guid grant, Actor by, TimeSpan? duration, string? reason, string? reference, EventContext context, Guid? command, long? ifMatch, CancellationToken cancel)
    {
        if (command is { } known && await log.StreamOf(known, cancel) is { } before)
        {
            var (filed, version) = await handle.Load(before, AccessRequest.StreamType, AccessRequest.Initial, AccessRequest.Evolve, cancel);
            return new Handled<AccessRequest>(filed, version, 0, null, true);
        }
        for (var tries = 1; ; tries++)
        {
            var handled = await File(grant, new ExtensionWish(by, duration, reason, reference, await world.Now(cancel)), context, command, ifMatch, cancel);
            if (handled.Refusal?.Code == SubmitRequest.Exists && tries < MostTries)
            {
                continue; // another one was first: it is pending now, or was decided already
            }
            if (handled.State is AccessRequest.Approved approved)
            {
                await Apply(approved, context, cancel);
            }
            return handled;
        }
    }

    private async Task<Handled<AccessRequest>> File(
        Guid grant, ExtensionWish wish, EventContext context, Guid? command, long? ifMatch, CancellationToken cancel)
    {
        var series = Ids.Derive(grant, "extensions");
        var (number, last) = await filedBefore.Last(series, cancel);
        if (last is AccessRequest.Approved approved)
        {
            // it may be approved and not in force yet: how long the grant will have lasted in all is judged with it
            await Apply(approved, context, cancel);
        }
        var (state, version) = await handle.Load(grant, Grant.StreamType, Grant.Initial, Grant.Evolve, cancel);
        if (ifMatch is { } wanted && wanted != version)
        {
            return new Handled<AccessRequest>(AccessRequest.Initial, 0, 0, EventStore.Handle.VersionMismatch, false);
        }
        var (submission, refused) = File(state, wish);
        if (refused is Outcome.Refused { Refusal: var why })
        {
            return new Handled<AccessRequest>(AccessRequest.Initial, 0, 0, why, false);
        }
        return last is AccessRequest.Submitted pending && Closing.WhyClose(pending, wish.World) is null
            ? new Handled<AccessRequest>(
                pending, 0, 0, new Refusal("extension-pending", $"request {pending.Id:D} for more time is pending: wait for it, or cancel it and ask again"), false)
            : await submit.Handle(submission! with { Request = RequestSeries.IdOf(series, number + 1) }, context, command, cancel);
    }

    /// <summary>Puts an approved extension into force. Safe to repeat.</summary>
    public async Task<Handled<Grant>> Apply(AccessRequest.Approved approved, EventContext context, CancellationToken cancel)
    {
        var now = await world.Now(cancel);
        return await handle.Run(
            new Handling<Grant>(
                approved.Grant, Grant.StreamType, Grant.Initial, Grant.Evolve,
                state => Decide(state, new ApprovedExtension(approved.Id, approved.Asked.Duration, now)),
                context with { PolicyVersion = now.Policy.Version, Rules = [approved.Asked.Entitlement] }, Ids.Derive(approved.Id, "extend")),
            cancel);
    }

    internal static void Map(IEndpointRouteBuilder routes) => routes
        .MapPost("/grants/{id:guid}/extend", async (
            Guid id, ExtendBody? body, HttpContext http, ExtendGrant extend, RequestAnswers answers, GrantAnswers grants, CancellationToken cancel) =>
        {
            var (caller, command) = (http.Caller(), http.Command());
            var handled = await extend.Handle(
                id, caller.Actor, body?.Duration, body?.Reason, body?.Reference, command.Context, command.Id, command.IfMatch, cancel);
            return handled is { State: AccessRequest.None, Refusal: { } refusal }
                ? await grants.Refused(id, refusal, caller, cancel)
                : await answers.Filed(handled, caller, cancel);
        })
        .Validate<ExtendBody>()
        .WithName("ExtendGrant").WithTags("Grants").WithSummary("Asks for more time: the same approval path, and live sessions go on")
        .Produces<RequestRow>(StatusCodes.Status201Created);
}

/// <param name="Duration">How much longer; as long as the entitlement gives where it is left out.</param>
public sealed record ExtendBody(TimeSpan? Duration = null, string? Reason = null, string? Reference = null)
{
    public sealed class Rules : AbstractValidator<ExtendBody>
    {
        public Rules()
        {
            RuleFor(x => x.Reason).Readable();
            RuleFor(x => x.Reference).Readable(200);
        }
    }
}

using AccessPlane.Contracts;
using AccessPlane.Contracts.Events;
using AccessPlane.Contracts.Identity;
using AccessPlane.ControlPlane.EventStore;
using AccessPlane.ControlPlane.Http;
using FluentValidation;

namespace AccessPlane.ControlPlane.Locks;

public sealed record LockPlacement(Guid Lock, LockTarget On, string Reason, DateTimeOffset? Until, Actor By, bool IsAdmin, DateTimeOffset Now);

/// <summary>An admin stops an actor, a resource, an agent or a grant at once.</summary>
public sealed partial class PlaceLock(Handle handle, TimeProvider clock)
{
    public static Outcome Decide(Lock state, LockPlacement order)
    {
        if (!order.IsAdmin)
        {
            return Outcome.Refuse("admins-only", "locks are for admins");
        }
        if (order.Until <= order.Now)
        {
            return new Outcome.Refused(new Refusal("invalid", "`until` must be in the future")
            {
                Errors = new Dictionary<string, string[]> { ["until"] = ["must be in the future"] },
            });
        }
        return state is Lock.None
            ? Outcome.Of(new LockPlaced(order.Lock, order.On, order.Reason, order.Until, order.By))
            : Outcome.Refuse("lock-exists", "this lock was already placed");
    }

    public async Task<Handled<Lock>> Handle(
        LockTarget on, string reason, DateTimeOffset? until, Actor by, bool isAdmin, EventContext context, Guid? command, CancellationToken cancel)
    {
        var now = clock.GetUtcNow();
        var order = new LockPlacement(command is { } id ? Ids.Derive(id, "lock") : Guid.CreateVersion7(now), on, reason, until, by, isAdmin, now);
        return await handle.Run(
            new Handling<Lock>(order.Lock, Lock.StreamType, Lock.Initial, Lock.Evolve, state => Decide(state, order), context, command), cancel);
    }

    internal static void Map(IEndpointRouteBuilder routes) => routes
        .MapPost("/locks", async (LockBody body, HttpContext http, PlaceLock place, CancellationToken cancel) =>
        {
            var (caller, command) = (http.Caller(), http.Command());
            var handled = await place.Handle(body.On, body.Reason, body.Until, caller.Actor, caller.IsAdmin, command.Context, command.Id, cancel);
            return handled is { Refusal: null, State: Lock.Known placed }
                ? Answers.Created($"/v1/locks/{placed.Order.Lock:D}", LockAnswer.Of(placed), handled.Version)
                : LockAnswer.Answer(handled, caller);
        })
        .Validate<LockBody>()
        .WithName("PlaceLock").WithTags("Locks").WithSummary("Denies at once: outranks every grant")
        .Produces<LockAnswer>(StatusCodes.Status201Created);
}

/// <param name="On">Exactly one of `actor` (`issuer|subject`), `resource`, `agent`, `grant`.</param>
/// <param name="Until">Until somebody lifts it, where it is left out.</param>
public sealed record LockBody(LockTarget On, string Reason, DateTimeOffset? Until = null)
{
    public sealed class Rules : AbstractValidator<LockBody>
    {
        public Rules()
        {
            RuleFor(x => x.Reason).NotEmpty().WithMessage("must say why");
            RuleFor(x => x.Reason).Readable();
            RuleFor(x => x.On.Everything).Null().When(x => x.On is not null).WithMessage("everything is closed with `POST /v1/locks/all`");
            RuleFor(x => x.On).NotNull().WithMessage("must say on what");
            RuleFor(x => x.On).Must(on => on is null || Members(on) == 1).WithMessage("must name exactly one of `actor`, `resource`, `agent`, `grant`");
            RuleFor(x => x.On.Actor).Must(a => a is null || (a.LastIndexOf('|') is > 0 and var bar && bar < a.Length - 1))
                .When(x => x.On is not null).WithMessage("must be `issuer|subject`");
            RuleFor(x => x.On.Actor).Readable().When(x => x.On is not null);
            RuleFor(x => x.On.Resource).Must(r => r is null || Ids.IsName(r)).When(x => x.On is not null).WithMessage("is not a name");
            RuleFor(x => x.On.Agent).Must(a => a is null || Ids.IsName(a)).When(x => x.On is not null).WithMessage("is not a name");
        }

        private static int Members(LockTarget on) =>
            (on.Actor is null ? 0 : 1) + (on.Resource is null ? 0 : 1) + (on.Agent is null ? 0 : 1) + (on.Grant is null ? 0 : 1);
    }
}

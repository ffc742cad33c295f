using AccessPlane.Contracts;
using AccessPlane.Contracts.Events;
using AccessPlane.Contracts.Identity;
using AccessPlane.ControlPlane.EventStore;
using AccessPlane.ControlPlane.Http;
using AccessPlane.ControlPlane.Policies;
using FluentValidation;

namespace AccessPlane.ControlPlane.Locks;

public sealed record Closure(Guid Lock, string Reason, Actor By, bool IsAdmin, Circumstances World);

/// <summary>
/// Panic: one event, and all sessions end, all grants are revoked, all requests are cancelled, and nothing is granted or let in until two admins
/// open again. It is a lock like any other, on everything: whatever respects locks respects it.
/// </summary>
public sealed class CloseEverything(Handle handle, CircumstancesSource world)
{
    public static Outcome Decide(Lock state, Closure order)
    {
        ArgumentNullException.ThrowIfNull(order);
        return !order.IsAdmin ? Outcome.Refuse("admins-only", "locks are for admins")
            : state is not Lock.None ? Outcome.Refuse("lock-exists", "this lock was already placed")
            : order.World.Locks.OnEverything(order.World.Now) is { } standing
                ? Outcome.Refuse("closed-already", $"`{standing.By.Display}` has closed everything already: {standing.Reason}")
            : Outcome.Of(new LockPlaced(order.Lock, new LockTarget(Everything: true), order.Reason, null, order.By));
    }

    public async Task<Handled<Lock>> Handle(string reason, Actor by, bool isAdmin, EventContext context, Guid? command, CancellationToken cancel)
    {
        var now = await world.Now(cancel);
        var order = new Closure(command is { } id ? Ids.Derive(id, "lock") : Guid.CreateVersion7(now.Now), reason, by, isAdmin, now);
        return await handle.Run(
            new Handling<Lock>(order.Lock, Lock.StreamType, Lock.Initial, Lock.Evolve, state => Decide(state, order), context, command), cancel);
    }

    internal static void Map(IEndpointRouteBuilder routes) => routes
        .MapPost("/locks/all", async (ClosureBody body, HttpContext http, CloseEverything close, LockSource locks, TimeProvider clock, CancellationToken cancel) =>
        {
            var (caller, command) = (http.Caller(), http.Command());
            var handled = await close.Handle(body.Reason, caller.Actor, caller.IsAdmin, command.Context, command.Id, cancel);
            if (handled is { Refusal: null, State: Lock.Known placed })
            {
                return Answers.Created($"/v1/locks/{placed.Order.Lock:D}", LockAnswer.Of(placed), handled.Version);
            }
            // another lock has won: the one that stands
            var standing = caller.IsAdmin ? (await locks.Current(cancel)).All.FirstOrDefault(l => l.Order.On.Everything == true && ActiveLocks.Holds(l.Order, clock.GetUtcNow())) : null;
            return handled is { State: Lock.None, Refusal: { } refusal } && standing is not null
                ? Problems.Of(refusal, LockAnswer.Of(standing))
                : LockAnswer.Answer(handled, caller);
        })
        .Validate<ClosureBody>()
        .WithName("CloseEverything").WithTags("Locks").WithSummary("Panic: ends all sessions, revokes all grants, and lets nothing new through until two admins lift it")
        .Produces<LockAnswer>(StatusCodes.Status201Created);
}

/// <param name="Reason">Everyone who is refused reads it.</param>
public sealed record ClosureBody(string Reason)
{
    public sealed class Rules : AbstractValidator<ClosureBody>
    {
        public Rules()
        {
            RuleFor(x => x.Reason).NotEmpty().WithMessage("must say why");
            RuleFor(x => x.Reason).Readable();
        }
    }
}

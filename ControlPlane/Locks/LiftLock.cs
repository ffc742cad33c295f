using AccessPlane.Contracts;
using AccessPlane.Contracts.Events;
using AccessPlane.Contracts.Identity;
using AccessPlane.ControlPlane.EventStore;
using AccessPlane.ControlPlane.Http;
using AccessPlane.ControlPlane.Policies;

namespace AccessPlane.ControlPlane.Locks;

/// <param name="By">Null where its time is over.</param>
public sealed record LockRelease(Actor? By, bool IsAdmin, Circumstances World);

/// <summary>A lock ends. What it ended stays ended. One on everything takes two admins: <see cref="Reopening"/>.</summary>
public sealed partial class LiftLock(Handle handle, CircumstancesSource world)
{
    public static Outcome Decide(Lock state, LockRelease release) => (state, release) switch
    {
        (_, { By: not null, IsAdmin: false }) => Outcome.Refuse("admins-only", "locks are for admins"),
        (Lock.Placed l, { By: null }) => l.Order.Until <= release.World.Now ? Outcome.Of(new LockLifted(l.Order.Lock, null, "its time is over")) : Outcome.Nothing,
        (Lock.Placed { Order.On.Everything: true } l, { By: { } by }) => Reopening.Decide(l, by, release.World),
        (Lock.Placed l, _) => Outcome.Of(new LockLifted(l.Order.Lock, release.By, "lifted")),
        (_, { By: null }) => Outcome.Nothing,
        (Lock.Lifted, _) => Outcome.Refuse("lock-lifted", "the lock was lifted already"),
        _ => Outcome.Refuse("no-such-lock", "there is no such lock"),
    };

    public async Task<Handled<Lock>> Handle(
        Guid id, Actor? by, bool isAdmin, EventContext context, Guid? command, long? ifMatch, CancellationToken cancel)
    {
        var release = new LockRelease(by, isAdmin, await world.Now(cancel));
        return await handle.Run(
            new Handling<Lock>(id, Lock.StreamType, Lock.Initial, Lock.Evolve, state => Decide(state, release), context, command, ifMatch), cancel);
    }

    internal static void Map(IEndpointRouteBuilder routes) => routes
        .MapDelete("/locks/{id:guid}", async (Guid id, HttpContext http, LiftLock lift, CancellationToken cancel) =>
        {
            var (caller, command) = (http.Caller(), http.Command());
            return LockAnswer.Answer(await lift.Handle(id, caller.Actor, caller.IsAdmin, command.Context, command.Id, command.IfMatch, cancel), caller);
        })
        .WithName("LiftLock").WithTags("Locks").WithSummary("Lifts a lock; what it ended stays ended")
        .WithDescription(
            "A lock on everything is lifted by two: 202 says that the first admin's wish is noted, and that another person among the admins can confirm it " +
            "by the same call until `liftProposedUntil`.")
        .Produces<LockAnswer>().Produces<LockAnswer>(StatusCodes.Status202Accepted);
}

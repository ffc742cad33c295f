using AccessPlane.Contracts;
using AccessPlane.Contracts.Events;
using AccessPlane.ControlPlane.Locks;
using AccessPlane.Tests.Unit.Domain;
using Xunit;
using static AccessPlane.Tests.Unit.Domain.People;
using Lock = AccessPlane.ControlPlane.Locks.Lock;

namespace AccessPlane.Tests.Unit.Locks;

public sealed class LockTests
{
    private static readonly Guid Id = new("0199aaaa-0000-7000-8000-00000000000c");
    private static readonly LockTarget OnEngineer = new(Actor: Engineer.Key);

    private static Situation<Lock> Given(params IEvent[] events) => new Specification<Lock>(Lock.Initial, Lock.Evolve).Given(events);

    private static LockPlaced Placed(DateTimeOffset? until = null) => new(Id, OnEngineer, "why", until, Admin);

    private static Func<Lock, Outcome> Place(bool admin, DateTimeOffset? until = null) =>
        s => PlaceLock.Decide(s, new LockPlacement(Id, OnEngineer, "why", until, Admin, admin, World.Noon));

    [Fact]
    public void Admins_lock() => Given().When(Place(admin: true)).Then(Placed());

    [Fact]
    public void Nobody_else_locks() => Given().When(Place(admin: false)).ThenRefused("admins-only");

    [Fact]
    public void A_lock_that_would_be_over_at_once_is_refused() => Given().When(Place(admin: true, World.Noon)).ThenRefused("invalid");

    [Fact]
    public void Admins_lift() =>
        Given(Placed()).When(s => LiftLock.Decide(s, new LockRelease(Admin, true, World.Today))).Then(new LockLifted(Id, Admin, "lifted"));

    [Fact]
    public void Nobody_else_lifts() =>
        Given(Placed()).When(s => LiftLock.Decide(s, new LockRelease(Engineer, false, World.Today))).ThenRefused("admins-only");

    [Fact]
    public void A_lock_is_lifted_once() =>
        Given(Placed(), new LockLifted(Id, Admin, "lifted")).When(s => LiftLock.Decide(s, new LockRelease(Admin, true, World.Today))).ThenRefused("lock-lifted");

    [Fact]
    public void What_was_never_placed_cannot_be_lifted() =>
        Given().When(s => LiftLock.Decide(s, new LockRelease(Admin, true, World.Today))).ThenRefused("no-such-lock");

    [Fact]
    public void Time_lifts_a_lock_that_has_an_end_and_no_other()
    {
        Given(Placed(World.Noon)).When(s => LiftLock.Decide(s, new LockRelease(null, false, World.Today))).Then(typeof(LockLifted));
        Given(Placed(World.Noon.AddSeconds(1))).When(s => LiftLock.Decide(s, new LockRelease(null, false, World.Today))).ThenNothing();
        Given(Placed()).When(s => LiftLock.Decide(s, new LockRelease(null, false, World.Today))).ThenNothing();
    }
}

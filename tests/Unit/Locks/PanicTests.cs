using AccessPlane.Contracts;
using AccessPlane.Contracts.Events;
using AccessPlane.Contracts.Identity;
using AccessPlane.ControlPlane.Locks;
using AccessPlane.ControlPlane.Policies;
using AccessPlane.Tests.Unit.Domain;
using Xunit;
using static AccessPlane.Tests.Unit.Domain.People;
using Lock = AccessPlane.ControlPlane.Locks.Lock;

namespace AccessPlane.Tests.Unit.Locks;

/// <summary>Everything is closed by one admin and opened by two.</summary>
public sealed class PanicTests
{
    private static readonly Guid Id = new("0199aaaa-0000-7000-8000-00000000000d");
    private static readonly LockTarget OnEverything = new(Everything: true);
    private static readonly Actor Admin2 = Person("admin2", "admins");

    private static LockPlaced Closed { get; } = new(Id, OnEverything, "broken into", null, Admin);

    /// <summary>The world while everything is closed: its own lock must not keep anyone from lifting it.</summary>
    private static Circumstances Shut { get; } = World.Today with { Locks = ActiveLocks.Of(Closed) };

    private static LockLiftProposed Proposed(Actor? by = null) => new(Id, by ?? Admin, World.Noon + Reopening.Stands);

    private static Situation<Lock> Given(params IEvent[] events) => new Specification<Lock>(Lock.Initial, Lock.Evolve).Given(events);

    private static Func<Lock, Outcome> Close(bool admin = true, Circumstances? world = null) =>
        s => CloseEverything.Decide(s, new Closure(Id, "broken into", Admin, admin, world ?? World.Today));

    private static Func<Lock, Outcome> Lift(Actor by, Circumstances? world = null, bool admin = true) =>
        s => LiftLock.Decide(s, new LockRelease(by, admin, world ?? Shut));

    [Fact]
    public void An_admin_closes_everything_in_one_event() => Given().When(Close()).Then(Closed);

    [Fact]
    public void Nobody_else_does() => Given().When(Close(admin: false)).ThenRefused("admins-only");

    [Fact]
    public void What_is_closed_is_not_closed_again() => Given().When(Close(world: Shut)).ThenRefused("closed-already");

    [Fact]
    public void One_admin_proposes_to_lift_it_and_another_lifts_it()
    {
        Given(Closed).When(Lift(Admin)).Then(Proposed());
        Given(Closed, Proposed()).When(Lift(Admin2)).Then(typeof(LockLifted));
        Given(Closed, Proposed(Admin2)).When(Lift(Admin)).Then(typeof(LockLifted));
    }

    [Fact]
    public void Who_has_proposed_it_cannot_confirm_it_by_any_name_that_is_theirs()
    {
        var twin = Person("admin-at-home", "admins");
        var linked = World.Changed("directory:", $"directory:\n  same-person: [ ['{Admin.Key}', '{twin.Key}'] ]") with { Locks = Shut.Locks };
        Given(Closed, Proposed()).When(Lift(Admin)).ThenRefused("second-admin-needed");
        Given(Closed, Proposed()).When(Lift(twin, linked)).ThenRefused("second-admin-needed");
        Given(Closed, Proposed(twin)).When(Lift(Admin, linked)).ThenRefused("second-admin-needed");
        Given(Closed, Proposed(twin)).When(Lift(Admin2, linked)).Then(typeof(LockLifted));
    }

    [Fact]
    public void Only_people_who_are_admins_lift_it()
    {
        Given(Closed).When(Lift(Engineer, admin: false)).ThenRefused("admins-only");
        Given(Closed).When(Lift(Admin with { Kind = ActorKind.Workload })).ThenRefused("reviewer-not-a-person");
        Given(Closed).When(Lift(Admin with { Act = [Person("assistant")] })).ThenRefused("reviewer-not-a-person");
        Given(Closed, Proposed()).When(Lift(Admin2 with { Act = [Person("assistant")] })).ThenRefused("reviewer-not-a-person");
        Given(Closed).When(Lift(Admin, Disabling(Admin))).ThenRefused("actor-disabled");
        Given(Closed).When(Lift(Admin, Shut.LockedOn(new LockTarget(Actor: Admin.Key)))).ThenRefused("locked");
    }

    [Fact]
    public void A_proposal_counts_for_its_time_and_while_its_author_does()
    {
        var late = Shut with { Now = Proposed().Until };
        Given(Closed, Proposed()).When(Lift(Admin2, late)).Then(new LockLiftProposed(Id, Admin2, late.Now + Reopening.Stands));
        Given(Closed, Proposed()).When(Lift(Admin, late)).Then(typeof(LockLiftProposed));
        Given(Closed, Proposed()).When(Lift(Admin2, late with { Now = late.Now.AddTicks(-1) })).Then(typeof(LockLifted));
        Given(Closed, Proposed()).When(Lift(Admin2, Disabling(Admin))).Then(Proposed(Admin2));
        Given(Closed, Proposed()).When(Lift(Admin2, Shut.LockedOn(new LockTarget(Actor: Admin.Key)))).Then(Proposed(Admin2));
    }

    [Fact]
    public void Time_does_not_lift_it() => Given(Closed).When(s => LiftLock.Decide(s, new LockRelease(null, false, Shut.After("8h")))).ThenNothing();

    [Fact]
    public void It_is_against_everybody_and_on_every_agent()
    {
        foreach (var who in new[] { Engineer, Dba, Assistant, Ci, Admin })
        {
            Assert.Equal(Closed, Shut.Locks.Against(who, "orders", null, Shut.Model, Shut.Now));
            Assert.Equal(Closed, Shut.Locks.Against(who, Shut.Model, Shut.Now));
        }
        Assert.True(Shut.Locks.LocksAgent("any", Shut.Now));
        Assert.Null(Shut.Locks.OnPerson(Admin, Shut.Model, Shut.Now));
    }

    private static Circumstances Disabling(Actor who) => World.Changed("directory:", $"directory:\n  disabled: ['{who.Key}']") with { Locks = Shut.Locks };
}

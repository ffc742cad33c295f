using AccessPlane.Contracts;
using AccessPlane.Contracts.Events;
using AccessPlane.Contracts.Identity;
using AccessPlane.Contracts.Policy;
using AccessPlane.ControlPlane.AccessRequests;
using AccessPlane.ControlPlane.Grants;
using AccessPlane.ControlPlane.Policies;
using FsCheck;
using FsCheck.Fluent;
using Xunit;
using Outcome = AccessPlane.Contracts.Outcome;

namespace AccessPlane.Tests.Unit.Domain;

/// <summary>What holds however people, timers and policies interleave. A failure prints the seed and the shortest list of steps.</summary>
public sealed class DomainProperties
{
    private static readonly Guid Request = new("0199aaaa-0000-7000-8000-000000000001");
    private static readonly Actor[] Actors =
        [People.Engineer, People.Assistant, People.Dba, People.Dba2, People.Dba3, People.Security, People.Stranger, People.Admin, People.Ci];

    private static readonly Circumstances[] Worlds =
    [
        World.Today,
        World.Changed("directory:", "directory:\n  same-person: [['https://idp.example|dba', 'https://idp.example|dba2']]"),
        World.Changed("dba: ['https://idp.example|dba', ", "dba: ["),
        World.Changed("directory:", "directory:\n  same-person: [['https://idp.example|engineer', 'https://idp.example|dba3']]"),
        World.Changed("security: ['https://idp.example|security']", "security: ['https://idp.example|security', 'https://idp.example|dba']"),
        World.Changed("max-total: 4h", "max-total: 3h"),
        World.Changed("max-duration: 2h", "max-duration: 30m"),
        World.Changed("scope: { databases: [orders] }", "scope: { databases: [orders], statements: [select] }"),
        World.Today.LockedOn(new LockTarget(Actor: People.Dba2.Key)),
    ];

    /// <param name="What">Which command.</param>
    /// <param name="Who">Index into the cast.</param>
    /// <param name="Where">Index into the worlds.</param>
    /// <param name="Minutes">How much later than the step before.</param>
    public sealed record Step(int What, int Who, int Where, int Minutes);

    private static readonly Arbitrary<Step[]> Steps =
        (from what in Gen.Choose(0, 9)
         from who in Gen.Choose(0, Actors.Length - 1)
         from changed in Gen.Frequency((3, Gen.Constant(0)), (1, Gen.Choose(0, Worlds.Length - 1)))
         from minutes in Gen.Frequency((3, Gen.Choose(0, 2)), (1, Gen.Choose(0, 20)))
         select new Step(what, who, changed, minutes)).ArrayOf().ToArbitrary();

    private static void Holds(Func<Step[], bool> property) => Prop.ForAll(Steps, property).Check(Config.QuickThrowOnFailure.WithMaxTest(200).WithEndSize(40));

    [Fact]
    public void Any_interleaving_of_commands_keeps_a_request_legal() => Holds(steps =>
    {
        RunRequest(steps, (_, _, _) => { }); // Evolve throws where a decider let something illegal happen
        return true;
    });

    [Fact]
    public void A_request_is_never_approved_by_fewer_distinct_persons_than_its_steps_ask_for() => Holds(steps =>
    {
        var good = true;
        RunRequest(steps, (before, e, world) =>
        {
            if (e is RequestApproved approved && before is AccessRequest.Submitted s)
            {
                good &= approved.Reviewers.Select(world.Model.PersonOf).Distinct().Count() >= s.Asked.Steps.Sum(x => x.Count);
                good &= s.Asked.Steps.Select((x, i) => s.Counted.Where(v => v.Step == i).Select(v => world.Model.PersonOf(v.Reviewer.Key)).Distinct().Count() >= x.Count)
                    .All(x => x);
            }
        });
        return good;
    });

    [Fact]
    public void The_requesters_person_is_never_among_counted_reviewers() => Holds(steps =>
    {
        var good = true;
        RunRequest(steps, (before, e, world) =>
        {
            if (e is RequestApproved approved && before is AccessRequest.Submitted s)
            {
                good &= approved.Reviewers.All(r => !world.Model.Behind(s.Asked.Requester).Contains(world.Model.PersonOf(r)));
            }
        });
        return good;
    });

    [Fact]
    public void Every_counted_reviewer_is_an_approver_at_the_moment_of_approval() => Holds(steps =>
    {
        var good = true;
        RunRequest(steps, (before, e, world) =>
        {
            if (e is RequestApproved && before is AccessRequest.Submitted s)
            {
                good &= s.Counted.All(v => world.Model.WhyNotReview(s.Asked.Steps[v.Step], s.Asked.Requester, v.Reviewer) is null);
            }
        });
        return good;
    });

    [Fact]
    public void The_end_of_a_grant_moves_only_by_extension_and_narrowing_and_never_beyond_the_total() => Holds(steps =>
    {
        var good = true;
        RunGrant(steps, (before, e, after, world) =>
        {
            if (before is Grant.Active b && after is Grant.Active a)
            {
                good &= a.NotAfter == b.NotAfter || e is GrantExtended or GrantNarrowed;
                good &= e is not GrantNarrowed || a.NotAfter <= b.NotAfter;
                good &= e is not GrantExtended || (a.NotAfter > b.NotAfter && a.NotAfter <= a.ActivatedAt + world.Model.Entitlement("write")!.MaxTotal);
            }
        });
        return good;
    });

    [Fact]
    public void Nothing_that_was_granted_ever_widens() => Holds(steps =>
    {
        var good = true;
        RunGrant(steps, (before, _, after, _) =>
        {
            if (before is Grant.Active b && after is Grant.Active a)
            {
                good &= a.Terms.MaxConnections <= b.Terms.MaxConnections && (b.Terms.Scope.Statements.Count == 0 || a.Terms.Scope.Statements.Count > 0) &&
                    a.Terms.Scope.Statements.All(x => b.Terms.Scope.Statements.Count == 0 || b.Terms.Scope.Statements.Contains(x));
            }
        });
        return good;
    });

    [Fact]
    public void No_ticket_is_issued_outside_the_time_of_the_grant() => Holds(steps =>
    {
        var good = true;
        RunGrant(steps, (before, e, _, world) => good &= e is not TicketIssued || (before is Grant.Active a && world.Now < a.NotAfter));
        return good;
    });

    [Fact]
    public void What_has_ended_stays_ended() => Holds(steps =>
    {
        var good = true;
        RunGrant(steps, (before, _, after, _) => good &= before is not Grant.Ended || before.GetType() == after.GetType());
        return good;
    });

    /// <summary>The properties would say nothing if the random steps never came to what they are about.</summary>
    [Fact]
    public void The_random_steps_come_to_everything_that_matters()
    {
        var seen = new HashSet<Type>();
        foreach (var steps in Steps.Generator.Sample(500, 40))
        {
            RunRequest(steps, (_, e, _) => seen.Add(e.GetType()));
            RunGrant(steps, (_, e, _, _) => seen.Add(e.GetType()));
        }
        Type[] matters =
        [
            typeof(RequestApproved), typeof(RequestDenied), typeof(RequestExpired), typeof(RequestCancelled), typeof(ReviewLapsed), typeof(ReviewRefused),
            typeof(GrantActivated), typeof(GrantExtended), typeof(GrantNarrowed), typeof(GrantRevoked), typeof(GrantSurrendered), typeof(GrantExpired),
            typeof(TicketIssued), typeof(ActivationLapsed),
        ];
        Assert.Empty(matters.Except(seen));
    }

    private static void RunRequest(Step[] steps, Action<AccessRequest, IEvent, Circumstances> look)
    {
        var state = Append(
            AccessRequest.Initial,
            SubmitRequest.Decide(AccessRequest.Initial, new Submission(Request, People.Engineer, "write", TimeSpan.FromHours(1), "why", "OPS-1", World.Today)),
            World.Today, look);
        var now = World.Noon;
        for (var i = 0; i < steps.Length; i++)
        {
            var step = steps[i];
            now = now.AddMinutes(step.Minutes);
            var world = Worlds[step.Where] with { Now = now };
            var actor = Actors[step.Who];
            state = Append(state, step.What switch
            {
                < 6 => ReviewRequest.Decide(state, new Review(new Guid(i, 1, 1, new byte[8]), actor, ReviewVerdict.Approve, null, null, world)),
                6 => ReviewRequest.Decide(state, new Review(new Guid(i, 1, 1, new byte[8]), actor, ReviewVerdict.Deny, null, null, world)),
                7 => CancelRequest.Decide(state, new Cancellation(actor, actor == People.Admin, world)),
                8 => ExpireRequest.Decide(state, now),
                _ => Closing.Decide(state, world),
            }, world, look);
        }
    }

    private static AccessRequest Append(AccessRequest state, Outcome outcome, Circumstances world, Action<AccessRequest, IEvent, Circumstances> look)
    {
        foreach (var e in outcome is Outcome.Happened happened ? happened.Events : [])
        {
            look(state, e, world);
            state = AccessRequest.Evolve(state, e);
        }
        return state;
    }

    private static void RunGrant(Step[] steps, Action<Grant, IEvent, Grant, Circumstances> look)
    {
        var entitlement = World.Today.Model.Entitlement("write")!;
        Grant state = Grant.Evolve(Grant.Initial, new GrantIssued(
            Request, Request, People.Engineer, "write", "orders", entitlement.Scope, TimeSpan.FromMinutes(40), World.Noon.AddMinutes(30), 10,
            entitlement.TokenLogin, 1));
        var now = World.Noon;
        for (var i = 0; i < steps.Length; i++)
        {
            var step = steps[i];
            now = now.AddMinutes(step.Minutes);
            var world = Worlds[step.Where] with { Now = now };
            var actor = step.Who % 3 == 0 ? Actors[step.Who] : People.Engineer;
            var outcome = step.What switch
            {
                < 3 => ActivateGrant.Decide(state, new Activation(actor, world)),
                3 => IssueTicket.Decide(state, new TicketOrder(actor, 1, null, $"t_{i}", "v", "a", world)),
                4 or 5 => ExtendGrant.Decide(state, new ApprovedExtension(new Guid(i, 2, 2, new byte[8]), TimeSpan.FromMinutes(10 + (20 * step.Who)), world)),
                6 => NarrowGrant.Decide(state, world),
                7 => ExpireGrant.Decide(state, now),
                8 => RevokeGrant.Decide(state, new Revocation(Actors[step.Who], false, "no", world)),
                _ => step.Who == 0 ? SurrenderGrant.Decide(state, new Surrender(actor, world)) : NarrowGrant.Decide(state, world),
            };
            foreach (var e in outcome is Outcome.Happened happened ? happened.Events : [])
            {
                var after = Grant.Evolve(state, e);
                look(state, e, after, world);
                state = after;
            }
        }
    }
}

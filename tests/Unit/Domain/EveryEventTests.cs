using System.Runtime.CompilerServices;
using AccessPlane.Contracts;
using AccessPlane.Contracts.Events;
using AccessPlane.ControlPlane.AccessRequests;
using AccessPlane.ControlPlane.Grants;
using AccessPlane.ControlPlane.Holds;
using AccessPlane.ControlPlane.Notifications;
using AccessPlane.ControlPlane.Policies;
using AccessPlane.ControlPlane.Resources;
using Xunit;
using Lock = AccessPlane.ControlPlane.Locks.Lock;

namespace AccessPlane.Tests.Unit.Domain;

/// <summary>An event that an Evolve does not know would make its stream unreadable: every type goes through.</summary>
public sealed class EveryEventTests
{
    private static readonly Type[] Ours =
    [
        .. AccessRequest.EventTypes, .. Grant.EventTypes, .. Lock.EventTypes, .. PublishedDocument.EventTypes, .. Resource.EventTypes, .. Hold.EventTypes,
        .. Approver.EventTypes,
    ];

    [Fact]
    public void Every_event_of_these_streams_is_claimed_by_one_of_them()
    {
        string[] prefixes = ["Request", "Review", "Grant", "Activation", "Ticket", "RevocationAcknowledged", "BreakGlass", "Lock", "Policy", "Resource", "Hold", "OperationHeld", "Approver"];
        var named = EventNames.All.Select(n => EventNames.TypeOf(n)!).Where(t => prefixes.Any(p => t.Name.StartsWith(p, StringComparison.Ordinal)));
        Assert.Equal(named.Select(t => t.Name).Order(), Ours.Select(t => t.Name).Order());
    }

    [Fact]
    public void Every_event_of_a_request_happens_to_some_state() =>
        Reaches(AccessRequest.EventTypes, AccessRequest.Evolve, RequestStates());

    [Fact]
    public void Every_event_of_a_grant_happens_to_some_state() => Reaches(Grant.EventTypes, Grant.Evolve, GrantStates());

    [Fact]
    public void Every_event_of_a_lock_happens_to_some_state() =>
        Reaches(Lock.EventTypes, Lock.Evolve, [Lock.Initial, new Lock.Placed(Placed())]);

    [Fact]
    public void Every_event_of_a_resource_happens_to_some_state() =>
        Reaches(Resource.EventTypes, Resource.Evolve, [Resource.Initial, new Resource.Registered("orders", "postgresql")]);

    [Fact]
    public void Every_event_of_a_hold_happens_to_some_state() =>
        Reaches(Hold.EventTypes, Hold.Evolve, [Hold.Initial, new Hold.Waiting((OperationHeld)Sample.Of(typeof(OperationHeld)), [], [])]);

    [Fact]
    public void Every_event_of_an_approver_happens_to_some_state() => Reaches(Approver.EventTypes, Approver.Evolve, [Approver.Initial]);

    [Fact]
    public void An_event_of_another_stream_is_an_error_and_never_ignored()
    {
        var alien = new PolicyPublished(7, People.Admin, "", "", AccessPlane.Contracts.Policy.PolicyModel.Empty);
        Assert.All(RequestStates(), s => Assert.Throws<InvalidOperationException>(() => AccessRequest.Evolve(s, alien)));
        Assert.All(GrantStates(), s => Assert.Throws<InvalidOperationException>(() => Grant.Evolve(s, alien)));
        Assert.Throws<InvalidOperationException>(() => Lock.Evolve(Lock.Initial, alien));
        Assert.Throws<InvalidOperationException>(() => Hold.Evolve(Hold.Initial, alien));
        Assert.Throws<InvalidOperationException>(() => Approver.Evolve(Approver.Initial, alien));
        Assert.Throws<InvalidOperationException>(() => Resource.Evolve(Resource.Initial, alien));
        Assert.Throws<InvalidOperationException>(() => PublishedDocument.Evolve(PublishedDocument.Initial, alien));
    }

    private static void Reaches<TState>(IReadOnlyList<Type> types, Func<TState, IEvent, TState> evolve, IReadOnlyList<TState> states) =>
        Assert.All(types, type => Assert.Contains(states, state => Takes(evolve, state, Blank(type))));

    private static bool Takes<TState>(Func<TState, IEvent, TState> evolve, TState state, IEvent e)
    {
        try
        {
            evolve(state, e);
            return true;
        }
        catch (InvalidOperationException)
        {
            return false;
        }
    }

    /// <summary>An event of a type with nothing in it but what reading it needs.</summary>
    private static IEvent Blank(Type type) => type == typeof(HoldReviewRefused)
        ? new HoldReviewRefused(People.Engineer, ReviewVerdict.Approve, "self-review", "")
        : type == typeof(ReviewRefused)
        ? new ReviewRefused(People.Engineer, ReviewVerdict.Approve, "self-review", "")
        : type == typeof(ResourceMaskingOrdered)
        ? (IEvent)Sample.Of(type)
        : (IEvent)RuntimeHelpers.GetUninitializedObject(type);

    private static LockPlaced Placed() => new(Guid.Empty, new LockTarget(Resource: "orders"), "", null, People.Admin);


    private static List<AccessRequest> RequestStates()
    {
        var asked = new RequestSubmitted(
            Guid.Empty, People.Engineer, "write", "orders", TimeSpan.FromMinutes(1), null, null, [], World.Noon, 1);
        return [AccessRequest.Initial, new AccessRequest.Submitted(asked, [], 1, [])];
    }

    private static List<Grant> GrantStates()
    {
        var issued = new GrantIssued(
            Guid.Empty, Guid.Empty, People.Engineer, "read", "orders", AccessPlane.Contracts.Policy.Scope.Any, TimeSpan.FromHours(1), World.Noon, 1,
            AccessPlane.Contracts.Policy.TokenLogin.WorkloadsOnly, 1, true);
        var terms = new GrantTerms(World.Noon, AccessPlane.Contracts.Policy.Scope.Any, 1, AccessPlane.Contracts.Policy.TokenLogin.WorkloadsOnly, 1);
        var debt = new ReviewDebt(World.Noon, null, false);
        return [Grant.Initial, new Grant.Approved(issued, null), new Grant.Active(issued, debt, World.Noon, terms, []), new Grant.Revoked(issued, debt, terms, People.Admin, "")];
    }
}

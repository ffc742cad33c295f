using AccessPlane.Contracts;
using AccessPlane.Contracts.Events;
using AccessPlane.ControlPlane.AccessRequests;
using AccessPlane.ControlPlane.EventStore;
using AccessPlane.ControlPlane.Grants;
using AccessPlane.ControlPlane.Locks;
using AccessPlane.ControlPlane.Resources;
using Xunit;
using static AccessPlane.Tests.Integration.AccessRequests.Cast;
using static AccessPlane.Tests.Integration.AccessRequests.ControlPlaneInProcess;

namespace AccessPlane.Tests.Integration.AccessRequests;

/// <summary>What timers and reactions bring about by themselves. A log of its own for each test, because they change the world for everyone.</summary>
public sealed class ReactionTests : IAsyncLifetime
{
    private readonly ControlPlaneInProcess plane = new();

    public async ValueTask InitializeAsync()
    {
        await plane.InitializeAsync();
        await plane.Publish(Policy);
    }

    public ValueTask DisposeAsync() => plane.DisposeAsync();

    private async Task<Guid> Lock(LockTarget on, DateTimeOffset? until = null)
    {
        var placed = await plane.Get<PlaceLock>().Handle(on, "under investigation", until, Admin, true, By(Admin), null, Cancel);
        return Assert.IsType<ControlPlane.Locks.Lock.Placed>(placed.State).Order.Lock;
    }

    [Fact]
    public async Task A_lock_cancels_what_is_pending_revokes_what_is_active_and_refuses_what_is_new()
    {
        var (request, grant) = (await plane.Pending(Engineer, "write"), await plane.Active(Engineer, "read"));
        var others = await plane.Active(Ci, "read");
        var id = await Lock(new LockTarget(Actor: Engineer.Key));
        await Becomes(() => plane.Request(request), r => r is AccessRequest.Cancelled);
        await Becomes(() => plane.Grant(grant), g => g is Grant.Revoked);
        Assert.Equal("locked", (await plane.Submit(Engineer, "read")).Refusal!.Code);
        Assert.IsType<Grant.Active>(await plane.Grant(others));

        await plane.Get<LiftLock>().Handle(id, Admin, true, By(Admin), null, null, Cancel);
        Assert.Null((await plane.Submit(Engineer, "read")).Refusal);
        Assert.IsType<Grant.Revoked>(await plane.Grant(grant)); // what a lock ended stays ended
    }

    [Fact]
    public async Task A_policy_narrows_live_grants_and_ends_those_it_leaves_nothing_of()
    {
        var (narrowed, ended) = (await plane.Active(Engineer, "read"), await plane.Active(Ci, "read"));
        await plane.Publish(Policy.Replace("[select, explain]", "[select]", StringComparison.Ordinal).Replace("[engineering, ci]", "[engineering]", StringComparison.Ordinal));
        var now = (Grant.Active)await Becomes(() => plane.Grant(narrowed), g => g is Grant.Active { Terms.Scope.Statements.Count: 1 });
        Assert.Equal(2, now.Terms.PolicyVersion);
        await Becomes(() => plane.Grant(ended), g => g is Grant.Revoked);
    }

    [Fact]
    public async Task Resources_are_registered_and_retired_with_the_policy_and_what_hangs_on_them_is_closed()
    {
        Task<Resource> Orders() => Load();
        async Task<Resource> Load() => (await plane.Get<Handle>().Load(Ids.Resource("orders"), Resource.StreamType, Resource.Initial, Resource.Evolve, Cancel)).State;
        await Becomes(Orders, r => r is Resource.Registered);
        var (request, grant) = (await plane.Pending(Engineer, "write"), await plane.Active(Engineer, "read"));
        await plane.Publish("resources: []");
        await Becomes(Orders, r => r is Resource.Retired);
        var cancelled = (AccessRequest.Cancelled)await Becomes(() => plane.Request(request), r => r is AccessRequest.Cancelled);
        var revoked = (Grant.Revoked)await Becomes(() => plane.Grant(grant), g => g is Grant.Revoked);
        Assert.Contains("retired", cancelled.Why, StringComparison.Ordinal);
        Assert.Contains("retired", revoked.Why, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_disabled_persons_grants_are_revoked()
    {
        var grant = await plane.Active(Engineer, "read");
        await plane.Publish(Policy + "\n  disabled: ['https://idp.example|engineer']\n");
        await Becomes(() => plane.Grant(grant), g => g is Grant.Revoked);
    }

    [Fact]
    public async Task Time_expires_requests_lapses_activations_ends_grants_and_lifts_locks()
    {
        var pending = await plane.Pending(Engineer, "brief");
        var unused = Assert.IsType<AccessRequest.Approved>((await plane.Submit(Engineer, "hasty")).State).Grant;
        // long enough to be activated on a busy machine, short enough to wait for
        var grant = await plane.Active(Engineer, "read", "3s");
        var placed = await Lock(new LockTarget(Agent: "some-agent"), TimeProvider.System.GetUtcNow().AddSeconds(5));
        await Becomes(() => plane.Request(pending), r => r is AccessRequest.Expired);
        await Becomes(() => plane.Grant(unused), g => g is Grant.ActivationLapsed);
        var expired = (Grant.Expired)await Becomes(() => plane.Grant(grant), g => g is Grant.Expired);
        Assert.Equal(expired.Last!.NotAfter, expired.Due);
        await Becomes(async () => (await plane.Log.ReadStream(placed, Cancel)).Count, n => n == 2);
    }

    [Fact]
    public async Task Broken_glass_that_nobody_reviews_in_time_takes_that_persons_right_away_until_somebody_does()
    {
        async Task<Guid> Break() => Assert.IsType<AccessRequest.Approved>((await plane.Submit(OnCall, "glass", "1h")).State).Grant;
        var grant = await Break();
        Assert.IsType<Grant.Approved>(await plane.Grant(grant)); // at once, and the review is owed
        var owing = (Grant.Known)await Becomes(() => plane.Grant(grant), g => g is Grant.Known { Debt.Defaulted: true });
        var defaulted = Assert.Single(await plane.Log.ReadStream(grant, Cancel), s => s.Event is ReviewDebtDefaulted);
        Assert.True(defaulted.At >= owing.Debt!.ReviewBy);
        Assert.Equal(owing.Debt.ReviewBy, ((ReviewDebtDefaulted)defaulted.Event).Due);
        Assert.Equal("break-glass-locked", (await plane.Submit(OnCall, "glass", "1h")).Refusal!.Code);

        Assert.Null((await plane.Get<SurrenderGrant>().Handle(grant, OnCall, By(OnCall), null, null, Cancel)).Refusal);
        var settled = await plane.Get<SettleReviewDebt>().Handle(grant, Security, ReviewVerdict.Approve, "an incident", By(Security), null, null, Cancel);
        Assert.Null(settled.Refusal);
        Assert.NotEqual(grant, await Break());
    }

    [Fact]
    public async Task An_approved_extension_moves_the_end_of_the_live_grant()
    {
        var request = await plane.Pending(Engineer, "write");
        await plane.Review(request, Dba);
        var grant = SubmitRequest.GrantOf(request);
        var before = Assert.IsType<Grant.Active>((await plane.Get<ActivateGrant>().Handle(grant, Engineer, By(Engineer), null, null, Cancel)).State);
        var wish = await plane.Get<ExtendGrant>().Handle(grant, Engineer, TimeSpan.FromMinutes(30), "more", null, By(Engineer), null, null, Cancel);
        var waiting = Assert.IsType<AccessRequest.Submitted>(wish.State);
        Assert.Equal(before.NotAfter, Assert.IsType<Grant.Active>(await plane.Grant(grant)).NotAfter);
        await plane.Review(waiting.Id, Dba2);
        var after = (Grant.Active)await Becomes(() => plane.Grant(grant), g => g is Grant.Active { Extensions.Count: 1 });
        Assert.Equal(before.NotAfter.AddMinutes(30), after.NotAfter);
    }

    [Fact]
    public async Task An_automatic_extension_is_in_force_when_it_is_answered()
    {
        var grant = await plane.Active(Engineer, "read");
        var before = Assert.IsType<Grant.Active>(await plane.Grant(grant));
        await plane.Get<ExtendGrant>().Handle(grant, Engineer, TimeSpan.FromMinutes(5), null, null, By(Engineer), null, null, Cancel);
        Assert.Equal(before.NotAfter.AddMinutes(5), Assert.IsType<Grant.Active>(await plane.Grant(grant)).NotAfter);
    }
}

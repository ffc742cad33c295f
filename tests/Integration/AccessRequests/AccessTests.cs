using System.Text.Json;
using AccessPlane.Contracts;
using AccessPlane.Contracts.Events;
using AccessPlane.Contracts.Identity;
using AccessPlane.ControlPlane.AccessRequests;
using AccessPlane.ControlPlane.EventStore;
using AccessPlane.ControlPlane.Grants;
using AccessPlane.ControlPlane.Policies;
using Xunit;
using static AccessPlane.Tests.Integration.AccessRequests.Cast;
using static AccessPlane.Tests.Integration.AccessRequests.ControlPlaneInProcess;

namespace AccessPlane.Tests.Integration.AccessRequests;

/// <summary>Commands on a real log, alone and at once.</summary>
public sealed class AccessTests(ControlPlaneInProcess plane) : IClassFixture<ControlPlaneInProcess>, IAsyncLifetime
{
    public async ValueTask InitializeAsync() => await plane.Publish(Policy);

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    [Fact]
    public async Task Two_approvers_at_once_make_one_grant_and_the_loser_sees_the_decision()
    {
        for (var round = 0; round < 20; round++)
        {
            var request = await plane.Pending(Engineer, "write");
            var both = await Task.WhenAll(plane.Review(request, Dba), plane.Review(request, Dba2));
            var loser = Assert.Single(both, h => h.Refusal is not null);
            Assert.Equal("request-closed", loser.Refusal!.Code);
            var approved = Assert.IsType<AccessRequest.Approved>(loser.State);
            Assert.Single(approved.Reviewers);
            Assert.IsType<Grant.Approved>(await plane.Grant(approved.Grant));
        }
        FaultReport.Saw($"20 rounds of two at once: 20 decisions, 20 grants, 20 were told that it was decided");
    }

    [Fact]
    public async Task Of_an_approval_and_a_denial_at_once_exactly_one_wins()
    {
        for (var round = 0; round < 20; round++)
        {
            var request = await plane.Pending(Engineer, "write");
            var both = await Task.WhenAll(plane.Review(request, Dba), plane.Review(request, Dba2, ReviewVerdict.Deny));
            Assert.Equal("request-closed", Assert.Single(both, h => h.Refusal is not null).Refusal!.Code);
            var begun = await plane.Grant(SubmitRequest.GrantOf(request));
            Assert.Equal(await plane.Request(request) is AccessRequest.Approved, begun is Grant.Approved);
        }
    }

    [Fact]
    public async Task The_same_command_twice_files_one_request()
    {
        var command = Guid.CreateVersion7();
        var (first, second) = (await plane.Submit(Engineer, "write", command: command), await plane.Submit(Engineer, "write", command: command));
        Assert.True(second.Repeated);
        Assert.Null(second.Refusal);
        Assert.Equal(((AccessRequest.Known)first.State).Id, ((AccessRequest.Known)second.State).Id);
    }

    [Fact]
    public async Task The_same_review_twice_counts_once_and_is_no_error()
    {
        var (request, command) = (await plane.Pending(Engineer, "write"), Guid.CreateVersion7());
        var first = await plane.Review(request, Dba, command: command);
        var again = await plane.Review(request, Dba, command: command);
        Assert.Null(again.Refusal);
        Assert.Equal(first.Version, again.Version);
        Assert.Equal("request-closed", (await plane.Review(request, Dba)).Refusal!.Code);
    }

    [Fact]
    public async Task A_refused_self_approval_is_on_record_and_refused_again_when_it_is_repeated()
    {
        var (request, command) = (await plane.Pending(Engineer, "write"), Guid.CreateVersion7());
        Assert.Equal("self-review", (await plane.Review(request, Engineer, command: command)).Refusal!.Code);
        Assert.Equal("self-review", (await plane.Review(request, Engineer, command: command)).Refusal!.Code);
        Assert.Single(await plane.Log.ReadStream(request, Cancel), s => s.Event is ReviewRefused);
    }

    [Fact]
    public async Task A_ticket_names_an_agent_that_is_alive_and_its_secret_is_nowhere_in_the_log()
    {
        var grant = Assert.IsType<AccessRequest.Approved>((await plane.Submit(Engineer, "read")).State).Grant;
        var tickets = plane.Get<IssueTicket>();
        Assert.Equal("agent-not-reached", (await tickets.Handle(grant, Engineer, 1, null, By(Engineer), null, null, Cancel)).Refusal!.Code);

        await plane.Enrol("orders-agent");
        var (ticket, refusal) = await tickets.Handle(grant, Engineer, 3, null, By(Engineer), null, null, Cancel);
        Assert.Null(refusal);
        Assert.Equal(("127.0.0.1", 6432, "orders"), (ticket!.At.Host, ticket.At.Port, ticket.Database));
        Assert.IsType<Grant.Active>(await plane.Grant(grant));
        var stream = await plane.Log.ReadStream(grant, Cancel);
        var issued = Assert.IsType<TicketIssued>(stream[^1].Event);
        Assert.Equal(("orders-agent", ticket.Secret.Verifier, 3), (issued.Agent, issued.Verifier, issued.Connections));
        Assert.All(stream, s => Assert.DoesNotContain(ticket.Secret.Password, JsonSerializer.Serialize(s.Event, s.Event.GetType(), Json.Options), StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_ticket_that_its_agent_does_not_acknowledge_is_not_handed_out()
    {
        await using var other = new ControlPlaneInProcess { AgentAnswers = false };
        await other.InitializeAsync();
        await other.Publish(Policy);
        await other.Enrol("orders-agent");
        var grant = Assert.IsType<AccessRequest.Approved>((await other.Submit(Engineer, "read")).State).Grant;
        var (ticket, refusal) = await other.Get<IssueTicket>().Handle(grant, Engineer, 1, null, By(Engineer), null, null, Cancel);
        Assert.Null(ticket);
        Assert.Equal("agent-not-reached", refusal!.Code);
    }

    [Fact]
    public async Task A_login_without_a_grant_asks_for_the_one_that_fits_and_the_next_uses_it()
    {
        var ci = Workload("first");
        var login = plane.Get<ImplicitLogin>();
        var first = await login.Handle(ci, "orders", "read", By(ci), Cancel);
        Assert.Equal("granted", first.State);
        Assert.IsType<Grant.Active>(await plane.Grant(first.Grant!.Value));
        Assert.Equal(first.Grant, (await login.Handle(ci, "orders", "ci", By(ci), Cancel)).Grant);
        Assert.Equal(first.Grant, (await login.Handle(ci, "orders", $"{first.Grant:D}", By(ci), Cancel)).Grant);
        Assert.Equal("refused", (await login.Handle(ci, "orders", $"{Guid.CreateVersion7():D}", By(ci), Cancel)).State);
    }

    [Fact]
    public async Task A_login_that_needs_approval_waits_for_one_request_and_is_let_in_when_it_is_approved()
    {
        var ci = Workload("second");
        var login = plane.Get<ImplicitLogin>();
        var first = await login.Handle(ci, "orders", "deploy", By(ci), Cancel);
        Assert.Equal("pending", first.State);
        Assert.Equal(first.Request, (await login.Handle(ci, "orders", "deploy", By(ci), Cancel)).Request);
        await plane.Review(first.Request!.Value, Dba);
        await Becomes(() => plane.Grant(SubmitRequest.GrantOf(first.Request.Value)), g => g is Grant.Active);
    }

    /// <summary>The same features beside each other, each with what it remembers of the log.</summary>
    private ImplicitLogin Replica() => new(
        plane.Get<CircumstancesSource>(), new OpenRequests(plane.Get<LogTail>()), new OpenGrants(plane.Get<LogTail>()), plane.Get<RequestSeries>(), plane.Get<SubmitRequest>(),
        plane.Get<ActivateGrant>());

    private static Actor Workload(string name) => Ci with { Subject = name, Name = name };

    private async Task<int> Filed(Actor by) =>
        (await plane.Log.ReadAll(0, [EventNames.Of(typeof(RequestSubmitted))], 10_000, Cancel)).Count(s => ((RequestSubmitted)s.Event).Requester.Key == by.Key);

    [Theory]
    [InlineData("deploy", "pending")]
    [InlineData("read", "granted")]
    public async Task Many_logins_at_once_at_several_replicas_file_one_request(string entitlement, string becomes)
    {
        var who = Workload($"crowd-{entitlement}");
        var outcomes = await Task.WhenAll(Enumerable.Range(0, 24).Select(_ => Replica().Handle(who, "orders", entitlement, By(who), Cancel)));
        Assert.All(outcomes, o => Assert.Equal((becomes, outcomes[0].Request), (o.State, o.Request)));
        Assert.Equal(1, await Filed(who));
    }

    [Fact]
    public async Task A_login_after_a_denial_or_after_its_grant_ended_asks_anew()
    {
        var (denied, done) = (Workload("denied"), Workload("done"));
        var requests = new HashSet<Guid?>();
        for (var round = 1; round <= 5; round++)
        {
            var asked = await Replica().Handle(denied, "orders", "deploy", By(denied), Cancel);
            await plane.Review(asked.Request!.Value, Dba, ReviewVerdict.Deny);
            var granted = await Replica().Handle(done, "orders", "read", By(done), Cancel);
            await plane.Get<SurrenderGrant>().Handle(granted.Grant!.Value, done, By(done), null, null, Cancel);
            Assert.True(requests.Add(asked.Request) && requests.Add(granted.Request));
            Assert.Equal((round, round), (await Filed(denied), await Filed(done)));
        }
    }

    private Task<Handled<AccessRequest>> Extend(Guid grant, Guid? command = null) =>
        plane.Get<ExtendGrant>().Handle(grant, Engineer, TimeSpan.FromMinutes(10), "more", null, By(Engineer), command, null, Cancel);

    [Fact]
    public async Task Of_many_wishes_for_more_time_one_is_pending_and_the_others_are_told_which()
    {
        var request = await plane.Pending(Engineer, "write");
        await plane.Review(request, Dba);
        var grant = SubmitRequest.GrantOf(request);
        await plane.Get<ActivateGrant>().Handle(grant, Engineer, By(Engineer), null, null, Cancel);

        var all = await Task.WhenAll(Enumerable.Range(0, 12).Select(_ => Extend(grant)));
        var pending = Assert.IsType<AccessRequest.Submitted>(Assert.Single(all, h => h.Refusal is null).State);
        Assert.All(all.Where(h => h.Refusal is not null), h => Assert.Equal("extension-pending", h.Refusal!.Code));
        Assert.All(all.Where(h => h.Refusal is not null), h => Assert.Contains($"{pending.Id:D}", h.Refusal!.Detail, StringComparison.Ordinal));

        await plane.Review(pending.Id, Dba, ReviewVerdict.Deny);
        var command = Guid.CreateVersion7();
        var next = await Extend(grant, command);
        var again = await Extend(grant, command);
        var filed = ((AccessRequest.Known)next.State).Id;
        Assert.NotEqual(pending.Id, filed);
        Assert.Equal((null, true, filed), (again.Refusal, again.Repeated, ((AccessRequest.Known)again.State).Id));
        await plane.Review(filed, Dba2);
        Assert.Null((await Extend(grant)).Refusal);
    }

    [Fact]
    public async Task Extensions_one_after_the_other_are_judged_by_all_the_time_they_come_to()
    {
        var grant = await plane.Active(Engineer, "read", "8h");
        TimeSpan Lasts(Grant g) => g is Grant.Active a ? a.NotAfter - a.ActivatedAt : default;
        for (var i = 0; i < 3; i++)
        {
            Assert.Null((await plane.Get<ExtendGrant>().Handle(grant, Engineer, TimeSpan.FromHours(2), null, null, By(Engineer), null, null, Cancel)).Refusal);
        }
        Assert.Equal(TimeSpan.FromHours(14), Lasts(await plane.Grant(grant)));
        var over = await plane.Get<ExtendGrant>().Handle(grant, Engineer, TimeSpan.FromHours(3), null, null, By(Engineer), null, null, Cancel);
        Assert.Equal("max-total", over.Refusal!.Code);
    }

    [Fact]
    public async Task A_wrong_version_is_refused_and_nothing_changes()
    {
        var request = await plane.Pending(Engineer, "write");
        var stale = await plane.Get<ReviewRequest>().Handle(request, Dba, ReviewVerdict.Approve, null, null, By(Dba), null, 7, Cancel);
        Assert.Equal("version-mismatch", stale.Refusal!.Code);
        Assert.IsType<AccessRequest.Submitted>(await plane.Request(request));
    }

    [Fact]
    public async Task Publishing_over_a_version_that_is_not_in_force_is_refused()
    {
        var model = PolicyYaml.Read(Policy).Model!;
        var stale = await plane.Get<PublishPolicy>().Handle(new Publication(Admin, true, Policy + "\n# x", model), By(Admin), null, 99, Cancel);
        Assert.Equal("version-mismatch", stale.Refusal!.Code);
    }
}

using AccessPlane.Contracts;
using AccessPlane.Contracts.Events;
using AccessPlane.Contracts.Identity;
using AccessPlane.Contracts.Messages;
using AccessPlane.Contracts.Policy;
using AccessPlane.ControlPlane.Agents;
using AccessPlane.ControlPlane.EventStore;
using AccessPlane.ControlPlane.History;
using AccessPlane.ControlPlane.Keys;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;
using static AccessPlane.Tests.Integration.Agents.BrokeredAgent;

namespace AccessPlane.Tests.Integration.Agents;

/// <summary>What the log says on its way to an agent: a real log, a real broker, and both planes' own code at either end.</summary>
public sealed class LogToAgentTests(TestDatabase database) : IClassFixture<TestDatabase>, IAsyncLifetime
{
    private readonly LogHistories histories = new(database.Tail, database.Pulse, TimeProvider.System);
    private BrokeredAgent agent = null!;

    public async ValueTask InitializeAsync() => agent = await BrokeredAgent.Start();

    public async ValueTask DisposeAsync()
    {
        await agent.DisposeAsync();
        histories.Dispose();
    }

    [Fact]
    public async Task What_the_log_says_reaches_the_agent_once_however_often_it_is_sent()
    {
        var cancel = TestContext.Current.CancellationToken;
        var (table, follower) = await Following(cancel);
        agent.Next(ReportKinds.CatchUpAsk);
        using var states = new AgentStateBuilder(database.Tail, new ControlPlane.Http.TrustedIssuers([]));
        await Append(Ids.Agent(agent.Name), "agent", cancel, new AgentInvited(agent.Name, ["orders"], "", At, By), new AgentEnrolled(agent.Name, ["orders"], "k", []));
        await CatchUp(states, table, cancel);
        agent.Next(ReportKinds.Applied);

        var grant = Guid.CreateVersion7();
        await Append(grant, "grant", cancel,
            new GrantIssued(grant, Guid.CreateVersion7(), By, "orders-read", "orders", Scope.Any, TimeSpan.FromHours(1), At, 1, TokenLogin.WorkloadsOnly, 1),
            new GrantActivated(At, DateTimeOffset.MaxValue.AddDays(-1), Scope.Any, 1, TokenLogin.WorkloadsOnly, 1));
        var events = await database.Log.ReadAll(0, AgentKnowledge.Types, 100, cancel);
        await follower.Handle(events, cancel);
        while (Body<Applied>(agent.Next(ReportKinds.Applied)).Position < events[^1].Position)
        {
        }
        Assert.Contains(grant, agent.InForce.Current.Grants.Keys);

        // a process that died before its checkpoint was stored sends everything again; so does one that died before it noted the heads
        var (_, again) = await Following(cancel);
        await again.Handle(events, cancel);
        await agent.Line.Send(agent.Name, events[^1].Position, 0, DirectiveKinds.GrantEnded, new GrantEnd(grant, "revoked", ""), cancel);
        await Append(grant, "grant", 2, cancel, new GrantRevoked(By, "enough"));
        await again.Handle(await database.Log.ReadAll(events[^1].Position, AgentKnowledge.Types, 100, cancel), cancel);
        Assert.Equal(grant, Body<RevocationApplied>(agent.Next(ReportKinds.Revoked)).Grant);
        Assert.DoesNotContain(grant, agent.InForce.Current.Grants.Keys);
        Assert.False(agent.Says(ReportKinds.Revoked, within: TimeSpan.FromMilliseconds(300)));
    }

    [Fact]
    public async Task No_lease_is_given_while_something_that_agents_must_know_is_not_sent()
    {
        var cancel = TestContext.Current.CancellationToken;
        var (table, follower) = await Following(cancel);
        using var states = new AgentStateBuilder(database.Tail, new ControlPlane.Http.TrustedIssuers([]));
        using var watch = new KeyWatch(database.Tail, database.Pulse, agent.Keys, TimeProvider.System, NullLogger<KeyWatch>.Instance);
        var leases = new AnswerLease(database.Log, Sights(), new OwnLease(table, database.Handle, TimeProvider.System), states, table, agent.Line, watch, History.Sights.Checkpointed(database, histories, agent.File("checkpoints")), TimeProvider.System);
        await Append(Guid.CreateVersion7(), "lock", cancel, new LockPlaced(Guid.CreateVersion7(), new LockTarget(Resource: "payroll"), "test", null, By));
        agent.Next(ReportKinds.CatchUpAsk);
        await CatchUp(states, table, cancel);
        agent.Next(ReportKinds.Applied);

        await leases.Handle(agent.Name, Body<LeaseAsk>(agent.Next(ReportKinds.LeaseAsk)), cancel);
        Assert.Null((await table.All(cancel))[agent.Name].LeaseAt);
        await follower.Handle(await database.Log.ReadAll(0, AgentKnowledge.Types, 100, cancel), cancel);
        await leases.Handle(agent.Name, Body<LeaseAsk>(agent.Next(ReportKinds.LeaseAsk)), cancel);
        Assert.NotNull((await table.All(cancel))[agent.Name].LeaseAt);
        await agent.HasLease(cancel);
        FaultReport.Saw($"1 of 1 questions unanswered while a lock was not sent, 1 of 1 answered behind it");
    }

    private AgentSights Sights() => History.Sights.Over(database, histories, agent.Keys, agent.File("checkpoints"));

    private Task CatchUp(AgentStateBuilder states, AgentTable table, CancellationToken cancel) =>
        new AnswerCatchUp(Sights(), states, table, agent.Line).Handle(agent.Name, new CatchUpAsk(0, 0), cancel);

    private static Actor By { get; } = Actor.System("test") with { Issuer = "https://idp" };
    private static DateTimeOffset At { get; } = new(2026, 1, 31, 12, 0, 0, TimeSpan.Zero);

    private async Task<(AgentTable Table, WhenAgentsMustKnow Follower)> Following(CancellationToken cancel)
    {
        var table = new AgentTable(database.Source);
        var follower = new WhenAgentsMustKnow(database.Log, agent.Line, table, histories, NullLogger<WhenAgentsMustKnow>.Instance);
        await follower.Begin(0, cancel);
        return (table, follower);
    }

    private Task<Appended> Append(Guid stream, string type, CancellationToken cancel, params IEvent[] events) => Append(stream, type, 0, cancel, events);

    private Task<Appended> Append(Guid stream, string type, long expected, CancellationToken cancel, params IEvent[] events) => database.Log.Append(
        new Append([new StreamAppend(stream, type, expected, events)], new EventContext(By, Guid.CreateVersion7())), cancel);
}

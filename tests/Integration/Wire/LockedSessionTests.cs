using AccessPlane.Contracts.Events;
using AccessPlane.Contracts.Identity;
using AccessPlane.Contracts.Messages;
using Xunit;
using static AccessPlane.Tests.Integration.Wire.RawClient;
using static AccessPlane.Tests.Integration.Wire.WireAgent;

namespace AccessPlane.Tests.Integration.Wire;

/// <summary>A lock on anything that a running session has to do with ends it; one on anything else does not. The session is of an engineer, through an assistant that a
/// runner started.</summary>
public sealed class LockedSessionTests : IAsyncLifetime
{
    private const string Why = "access is locked: an incident";

    /// <summary>Another name of the engineer.</summary>
    private const string Twin = "https://elsewhere|eng";

    private static readonly Actor Assistant = new("https://idp", "assistant", "assistant", ActorKind.AiAgent, [], new Dictionary<string, string>(), []);
    private static readonly Actor Runner = new("https://idp", "runner", "runner", ActorKind.Workload, [], new Dictionary<string, string>(), []);
    private WireAgent agent = null!;
    private GrantLease grant = null!;

    public enum Locked { Holder, Twin, Actor, DeeperActor, Resource, Agent, Grant, Everything }

    public async ValueTask InitializeAsync()
    {
        agent = await Start();
        agent.Publish(model => model with { Directory = model.Directory with { SamePerson = [[agent.Grant.Holder.Key, Twin]] } });
        grant = agent.Granted(like => like with { Holder = like.Holder with { Act = [Assistant, Runner] } });
    }

    public ValueTask DisposeAsync() => agent.DisposeAsync();

    private LockTarget On(Locked what) => what switch
    {
        Locked.Holder => new LockTarget(Actor: grant.Holder.Key),
        Locked.Twin => new LockTarget(Actor: Twin),
        Locked.Actor => new LockTarget(Actor: Assistant.Key),
        Locked.DeeperActor => new LockTarget(Actor: Runner.Key),
        Locked.Resource => new LockTarget(Resource: grant.Resource),
        Locked.Agent => new LockTarget(Agent: agent.InForce.Agent),
        Locked.Grant => new LockTarget(Grant: grant.Grant),
        _ => new LockTarget(Everything: true),
    };

    /// <summary>As an order that arrives.</summary>
    private Guid Place(LockTarget on, DateTimeOffset? until = null)
    {
        var (order, at) = (Guid.CreateVersion7(), TimeProvider.System.GetTimestamp());
        agent.Apply(new LockOrder(order, on, "an incident", until));
        agent.Live.CutWhatEnded(at);
        return order;
    }

    [Theory]
    [InlineData(Locked.Holder)]
    [InlineData(Locked.Twin)]
    [InlineData(Locked.Actor)]
    [InlineData(Locked.DeeperActor)]
    [InlineData(Locked.Resource)]
    [InlineData(Locked.Agent)]
    [InlineData(Locked.Grant)]
    [InlineData(Locked.Everything)]
    public async Task A_lock_cuts_a_running_statement_with_its_backend_and_keeps_everybody_out_until_it_is_lifted(Locked what)
    {
        using (var client = await agent.ConnectBy(grant))
        {
            await client.Send(Query("select pg_sleep(60)"));
            await Until(() => agent.Backends("query like '%pg_sleep%' and state = 'active'", 1));
            var order = Place(On(what));
            var answer = await client.UntilReady();
            Assert.Equal("E57P01", Story(answer.Where(m => m.Type != 'T')));
            Assert.Equal(Why, Field(answer[^1].Body, 'M'));
            await Until(() => agent.Backends("true", 0));
            await Until(() => Task.FromResult(agent.Live.Count == 0));
            Assert.Equal("locked", Assert.Single(agent.Entries(), e => e.Kind == "end").Cause);
            Assert.Equal("unknown", Assert.Single(agent.Entries(), e => e.Kind == "result").Outcome);
            var refused = await Assert.ThrowsAsync<WireError>(() => agent.ConnectBy(grant));
            Assert.Contains(Why, refused.Message, StringComparison.Ordinal);
            agent.Apply(new LockLift(order));
        }
        using var again = await agent.ConnectBy(grant);
        await again.StillWorks();
    }

    [Fact]
    public async Task A_lock_on_anything_else_and_one_whose_time_is_over_leave_a_session_alone()
    {
        using var client = await agent.ConnectBy(grant);
        var others = new[]
        {
            new LockTarget(Actor: "https://idp|somebody"), new LockTarget(Actor: "https://another|engineer"), new LockTarget(Resource: "payroll"),
            new LockTarget(Agent: "another"), new LockTarget(Grant: agent.Grant.Grant),
        };
        foreach (var other in others)
        {
            Place(other);
            await client.StillWorks();
        }
        Place(new LockTarget(Everything: true), TimeProvider.System.GetUtcNow().AddSeconds(-1));
        await client.StillWorks();
        using var next = await agent.ConnectBy(grant);
        await next.StillWorks();
    }
}

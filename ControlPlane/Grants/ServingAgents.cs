using System.Collections.Immutable;
using AccessPlane.Contracts;
using AccessPlane.Contracts.Events;
using AccessPlane.ControlPlane.EventStore;
using AccessPlane.ControlPlane.Policies;

namespace AccessPlane.ControlPlane.Grants;

/// <summary>Where clients reach an agent.</summary>
public sealed record ServingAgent(string Id, AgentEndpoint At);

/// <summary>Completes with whether an agent has applied everything up to a position of the log, within a time.</summary>
public delegate Task<bool> AgentAcknowledged(string agent, long position, TimeSpan within, CancellationToken cancel);

/// <summary>The agents that serve a resource and are neither retired, silent nor locked, from the log.</summary>
public sealed class ServingAgents(LogTail tail, AgentAcknowledged acknowledged) : IDisposable
{
    private static readonly Type[] Types = [typeof(AgentEnrolled), typeof(AgentRetired), typeof(AgentSilent), typeof(AgentReturned)];

    private readonly LogFold<ImmutableSortedDictionary<string, Standing>> fold = new(
        tail, ImmutableSortedDictionary<string, Standing>.Empty.WithComparers(StringComparer.Ordinal), [.. Types.Select(EventNames.Of)], Fold);

    public async ValueTask<IReadOnlyList<ServingAgent>> Alive(string resource, Circumstances world, CancellationToken cancel) =>
        [.. from agent in (await fold.Current(cancel)).Values
            where !agent.Silent && agent.Enrolled.Resources.Contains(resource) && !world.Locks.LocksAgent(agent.Enrolled.Agent, world.Now)
            from endpoint in agent.Enrolled.Endpoints.Where(e => e.Resource == resource).Take(1)
            select new ServingAgent(agent.Enrolled.Agent, endpoint)];

    public Task<bool> Acknowledged(string agent, long position, TimeSpan within, CancellationToken cancel) => acknowledged(agent, position, within, cancel);

    private static ImmutableSortedDictionary<string, Standing> Fold(ImmutableSortedDictionary<string, Standing> agents, Stored stored) => stored.Event switch
    {
        AgentEnrolled e => agents.SetItem(e.Agent, new Standing(e, Silent: false)),
        AgentRetired e => agents.Remove(e.Agent),
        AgentSilent e => agents.TryGetValue(e.Agent, out var known) ? agents.SetItem(e.Agent, known with { Silent = true }) : agents,
        AgentReturned e => agents.TryGetValue(e.Agent, out var known) ? agents.SetItem(e.Agent, known with { Silent = false }) : agents,
        _ => throw new InvalidOperationException($"`{stored.Event.GetType().Name}` is not about agents"),
    };

    public void Dispose() => fold.Dispose();

    private sealed record Standing(AgentEnrolled Enrolled, bool Silent);
}

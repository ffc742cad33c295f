using AccessPlane.Contracts;
using AccessPlane.Contracts.Events;
using AccessPlane.Contracts.Identity;
using AccessPlane.ControlPlane.EventStore;

namespace AccessPlane.ControlPlane.Agents;

/// <param name="Seen">The last sign of life.</param>
public sealed record Watch(string Agent, DateTimeOffset Seen, TimeSpan FreezeAfter, DateTimeOffset Now);

/// <summary>Writes down when an agent falls silent and when it returns. Every replica looks; the log takes each fact once.</summary>
public sealed partial class AgentWatch(
    Handle handle, AgentStateBuilder states, AgentTable table, TimeProvider clock, ILogger<AgentWatch> logger) : BackgroundService
{
    private static readonly TimeSpan Every = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan Standard = TimeSpan.FromSeconds(10);
    private readonly DateTimeOffset started = clock.GetUtcNow();

    public static Outcome Decide(Agent state, Watch watch)
    {
        ArgumentNullException.ThrowIfNull(watch);
        var silent = watch.Now - watch.Seen >= watch.FreezeAfter;
        return state switch
        {
            Agent.Enrolled { SilentSince: null } when silent => Outcome.Of(new AgentSilent(watch.Agent, watch.Seen)),
            Agent.Enrolled { SilentSince: { } since } when !silent => Outcome.Of(new AgentReturned(watch.Agent, since)),
            _ => Outcome.Nothing,
        };
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Every, clock);
        await timer.EachTime(Look, LogFailed, stoppingToken);
    }

    private async Task Look(CancellationToken cancel)
    {
        var known = await states.Current(cancel);
        var progress = await table.All(cancel);
        var now = Micros(clock.GetUtcNow());
        foreach (var agent in known.Agents.Values)
        {
            // who looks for the first time gives everyone their time: a control plane that was away must not call all agents silent
            var seen = progress.GetValueOrDefault(agent.Agent)?.LeaseAt ?? Micros(started);
            var freeze = agent.Resources.Select(r => known.Policy.Model.Resource(r)?.FreezeAfter ?? Standard).DefaultIfEmpty(Standard).Max();
            if (now - started < freeze && now - seen >= freeze)
            {
                continue;
            }
            await handle.Run(
                new Handling<Agent>(
                    Ids.Agent(agent.Agent), Agent.StreamType, Agent.Initial, Agent.Evolve,
                    state => Decide(state, new Watch(agent.Agent, seen, freeze, now)),
                    new EventContext(Actor.System("agents"), Guid.CreateVersion7(now))),
                cancel);
        }
    }

    private static DateTimeOffset Micros(DateTimeOffset at) => at.AddTicks(-(at.Ticks % TimeSpan.TicksPerMicrosecond));

    [LoggerMessage(Level = LogLevel.Warning, Message = "looking after the agents failed and will be tried again: {Why}")]
    private partial void LogFailed(string why);
}

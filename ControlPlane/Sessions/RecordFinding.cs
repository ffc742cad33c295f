using System.Collections.Concurrent;
using AccessPlane.Contracts;
using AccessPlane.Contracts.Events;
using AccessPlane.Contracts.Identity;
using AccessPlane.Contracts.Messages;
using AccessPlane.ControlPlane.Agents;
using AccessPlane.ControlPlane.EventStore;

namespace AccessPlane.ControlPlane.Sessions;

/// <summary>
/// What was found wrong with an agent's evidence or words: kept for ever, with the agent's own stream. Each thing is said once, so that an agent
/// that has gone bad cannot fill the log with it.
/// </summary>
public sealed class RecordFinding(Handle handle, TimeProvider clock)
{
    private const int LongestDetail = 1_000;
    private const int MostRemembered = 10_000;

    /// <summary>What was said already: the log need not be asked again and again by an agent that sends nothing else.</summary>
    private readonly ConcurrentDictionary<Guid, bool> said = [];

    /// <summary>An agent found evidence on its disk that it cannot read, or sent some that nobody can take.</summary>
    /// <exception cref="FormatException">The finding is no finding.</exception>
    public Task Handle(string agent, EvidenceGap finding, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(finding);
        var detail = finding.Detail.Length <= LongestDetail ? finding.Detail : finding.Detail[..LongestDetail];
        return Ids.IsName(finding.Kind) && StorableText.WhyNot(detail) is null
            ? Record(agent, finding.Kind, $"session {finding.Session}: {detail}", $"{finding.Kind}/{finding.Session}", cancel)
            : throw new FormatException("the finding's kind is not a name, or its detail cannot be kept");
    }

    /// <summary>A report that cannot be used, whatever its agent meant by it: recorded once an hour for each kind.</summary>
    public Task Unusable(string agent, string why, CancellationToken cancel) =>
        Record(agent, "report-unusable", why, $"report-unusable/{why}/{clock.GetUtcNow():yyyy-MM-ddTHH}", cancel);

    private async Task Record(string agent, string kind, string detail, string once, CancellationToken cancel)
    {
        var id = Ids.Derive(Ids.Agent(agent), $"finding/{once}");
        if (said.ContainsKey(id))
        {
            return;
        }
        await handle.Run(
            new Handling<Agent>(
                Ids.Agent(agent), Agent.StreamType, Agent.Initial, Agent.Evolve,
                state => state is Agent.None ? Outcome.Nothing : Outcome.Of(new EvidenceGapFound(agent, kind, detail)),
                new EventContext(Actor.System($"agent {agent}"), Guid.CreateVersion7(clock.GetUtcNow())), id),
            cancel);
        if (said.Count >= MostRemembered)
        {
            said.Clear();
        }
        said[id] = true;
    }
}

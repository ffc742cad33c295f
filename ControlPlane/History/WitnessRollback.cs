using AccessPlane.Contracts;
using AccessPlane.Contracts.Events;
using AccessPlane.Contracts.Identity;
using AccessPlane.Contracts.Messages;
using AccessPlane.ControlPlane.Agents;
using AccessPlane.ControlPlane.EventStore;

namespace AccessPlane.ControlPlane.History;

/// <param name="Known">What the log says that agents must know.</param>
/// <param name="Proof">Whether and how far the agent's word is proven.</param>
public sealed record Testimony(string Agent, AgentKnows Word, AgentKnowledge Known, Regression Proof);

/// <summary>An agent that knows more than the log says what: an admin is to see which ends of rights would be undone.</summary>
public sealed class WitnessRollback(Handle handle, AgentStateBuilder states, AgentSights sights)
{
    private const int Most = 10_000;

    public static Outcome Decide(LogHistory history, Testimony testimony)
    {
        ArgumentNullException.ThrowIfNull(history);
        ArgumentNullException.ThrowIfNull(testimony);
        var (agent, word, known) = (testimony.Agent, testimony.Word, testimony.Known);
        if (history.Open is not { } open || open.Id != word.Rollback || testimony.Proof is not Regression.Proven proven ||
            open.Witnesses.Any(w => w.Agent == agent && (w.Told || word.Grants is null)))
        {
            return Outcome.Nothing;
        }
        var there = (word.Grants ?? []).ToHashSet();
        var serves = known.Agents.GetValueOrDefault(agent)?.Resources ?? [];
        var ended = word.Grants is null ? [] : known.Active.Values.Where(g => serves.Contains(g.Resource) && !there.Contains(g.Grant)).Select(g => g.Grant);
        return Outcome.Of(new LogRollbackWitnessed(
            open.Id, agent, proven.Epoch, proven.Position, word.PolicyVersion, word.Grants is not null, [.. ended.Order()],
            [.. there.Where(g => !known.Active.ContainsKey(g)).Order()],
            [.. (word.Locks ?? []).Where(l => !known.Locks.ContainsKey(l.Lock)).DistinctBy(l => l.Lock).OrderBy(l => l.Lock)]));
    }

    /// <exception cref="FormatException">An agent never has so much.</exception>
    public async Task Handle(string agent, AgentKnows word, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(word);
        if (word.Grants?.Count > Most || word.Locks?.Count > Most || word.Locks?.Any(l => StorableText.WhyNot(l.Reason) is not null) == true)
        {
            throw new FormatException("what it knows is more than an agent can, or cannot be kept");
        }
        var (known, proof) = (await states.Current(cancel), await sights.Judge(new Claim(agent, word.Epoch, word.Position, word.Seen), cancel));
        await handle.Run(
            new Handling<LogHistory>(
                Ids.History, LogHistory.StreamType, LogHistory.Initial, LogHistory.Evolve, history => Decide(history, new Testimony(agent, word, known, proof)),
                new EventContext(Actor.System($"agent {agent}"), word.Rollback)),
            cancel);
    }
}

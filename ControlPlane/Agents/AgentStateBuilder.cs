using AccessPlane.Contracts.Messages;
using AccessPlane.ControlPlane.EventStore;
using AccessPlane.ControlPlane.Http;

namespace AccessPlane.ControlPlane.Agents;

/// <summary>Everything that one agent may know, as of the log's settled head. Each replica folds it for itself.</summary>
public sealed class AgentStateBuilder(LogTail tail, TrustedIssuers issuers) : IDisposable
{
    private readonly LogFold<AgentKnowledge> fold = new(tail, AgentKnowledge.Nothing, [.. AgentKnowledge.Types], AgentKnowledge.Fold);

    public ValueTask<AgentKnowledge> Current(CancellationToken cancel) => fold.Current(cancel);

    public AgentState Of(string agent, AgentKnowledge known)
    {
        ArgumentNullException.ThrowIfNull(known);
        var resources = known.Agents.TryGetValue(agent, out var enrolled) ? enrolled.Resources : [];
        var grants = known.Active.Values.Where(g => resources.Contains(g.Resource)).ToList();
        return new AgentState(
            known.Policy, resources, grants,
            [.. known.Tickets.Values.Where(t => t.Event.Agent == agent).Select(t => t.Offer)],
            [.. known.Locks.Values.Select(l => new LockOrder(l.Lock, l.On, l.Reason, l.Until))],
            issuers.All)
        {
            Holds = [.. known.Holds.Values.Where(h => h.Agent == agent).Select(h => h.Decision).OfType<HoldDecision>()],
            Masking = [.. known.Masking.Values.Where(m => resources.Contains(m.Resource))],
        };
    }

    public void Dispose() => fold.Dispose();
}

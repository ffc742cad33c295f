using AccessPlane.Contracts.Messages;
using AccessPlane.ControlPlane.Agents;

namespace AccessPlane.ControlPlane.History;

/// <summary>What is done before a restored log counts: an end that somebody knew must not be undone by it, and neither one that nobody could tell of.</summary>
/// <param name="Known">Grants of which an agent knew the end.</param>
/// <param name="Unknown">Grants of which no agent could say whether they had ended: none of those that enforce them has told what it knows.</param>
/// <param name="Locks">Locks that agents knew.</param>
public sealed record RollbackPlan(IReadOnlyList<Guid> Known, IReadOnlyList<Guid> Unknown, IReadOnlyList<LockOrder> Locks)
{
    public static RollbackPlan Of(Rollback rollback, AgentKnowledge log, DateTimeOffset now)
    {
        ArgumentNullException.ThrowIfNull(rollback);
        ArgumentNullException.ThrowIfNull(log);
        var told = rollback.Witnesses.Where(w => w.Told).ToDictionary(w => w.Agent, StringComparer.Ordinal);
        var ended = told.Values.SelectMany(w => w.Ended).ToHashSet();
        var active = log.Active.Values.Select(g => (g.Grant, Told: log.Serving(g.Resource).Any(told.ContainsKey))).ToList();
        return new RollbackPlan(
            [.. active.Where(g => ended.Contains(g.Grant)).Select(g => g.Grant).Order()],
            // agents do not hear of grants that wait to be activated
            [.. active.Where(g => !ended.Contains(g.Grant) && !g.Told).Select(g => g.Grant).Concat(log.Approved.Keys).Order()],
            [.. told.Values.SelectMany(w => w.Locks).DistinctBy(l => l.Lock).Where(l => !log.Locks.ContainsKey(l.Lock) && !(l.Until <= now)).OrderBy(l => l.Lock)]);
    }
}

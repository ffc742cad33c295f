using AccessPlane.Contracts.Events;
using AccessPlane.Contracts.Messages;
using AccessPlane.ControlPlane.Agents;
using AccessPlane.ControlPlane.Http;

namespace AccessPlane.ControlPlane.History;

/// <summary>Whether the log was ever set back, for admins and auditors.</summary>
public static class ListRollbacks
{
    public static void Map(IEndpointRouteBuilder routes)
    {
        routes.MapGet("/log/rollbacks", List).WithName("ListRollbacks").WithSummary("Restored backups of the log that were noticed, the newest first")
            .Produces<RollbackList>();
        routes.MapGet("/log/rollbacks/{id:guid}", One).WithName("GetRollback").WithSummary("One restored backup: what is missing, and what agents knew").Produces<RollbackView>();
    }

    private static async Task<IResult> List(HttpContext http, LogHistories histories, AgentStateBuilder states, TimeProvider clock, CancellationToken cancel)
    {
        if (!http.Caller().SeesAll())
        {
            return ForAuditors;
        }
        var (history, known) = (await histories.Current(cancel), await states.Current(cancel));
        return Results.Ok(new RollbackList(history.Epoch, [.. history.Rollbacks.Reverse().Select(r => RollbackView.Of(r, known, clock.GetUtcNow()))]));
    }

    private static async Task<IResult> One(Guid id, HttpContext http, LogHistories histories, AgentStateBuilder states, TimeProvider clock, CancellationToken cancel)
    {
        if (!http.Caller().SeesAll())
        {
            return ForAuditors;
        }
        return (await histories.Current(cancel)).Rollbacks.FirstOrDefault(r => r.Id == id) is { } rollback
            ? Results.Ok(RollbackView.Of(rollback, await states.Current(cancel), clock.GetUtcNow()))
            : Problems.Of("no-such-rollback", "there is no such rollback");
    }

    private static IResult ForAuditors => Problems.Of("auditors-only", "the log's history is for auditors and admins");
}

/// <param name="Epoch">Of the log, now.</param>
public sealed record RollbackList(long Epoch, IReadOnlyList<RollbackView> Items);

/// <summary>A restored backup as the API shows it.</summary>
/// <param name="State">`Open`: agents are told nothing; or `Acknowledged`.</param>
/// <param name="Source">Who noticed: `agent`, `checkpoints` or `control-plane`; <paramref name="By"/> says which.</param>
/// <param name="LogEnd">The last position of the log when it was noticed. What stood behind it, up to <paramref name="SeenPosition"/> at least, is missing; what
/// stands behind it now is of another history.</param>
/// <param name="Checkpoint">The newest checkpoint that was kept and is missing; 0: none, or nobody could look.</param>
/// <param name="Lost">Sessions with evidence that went with the log: each is a finding, too.</param>
/// <param name="Agents">What each agent that was further than the log has said.</param>
/// <param name="EndsKnown">While it is open: grants that are active in this log and that an agent knows to have ended.</param>
/// <param name="EndsUnknown">While it is open: grants of which no agent could say so.</param>
/// <param name="Locks">While it is open: locks that agents know and this log does not.</param>
/// <param name="NewEpoch">That began with the acknowledgement.</param>
public sealed record RollbackView(
    Guid Id, string State, DateTimeOffset FoundAt, string Source, string By, long Epoch, long LogEnd, long SeenEpoch, long SeenPosition, long Checkpoint, long Tip,
    IReadOnlyList<LostEvidence> Lost, IReadOnlyList<RollbackWitness> Agents, IReadOnlyList<Guid> EndsKnown, IReadOnlyList<Guid> EndsUnknown,
    IReadOnlyList<LockOrder> Locks, string? AcknowledgedBy = null, DateTimeOffset? AcknowledgedAt = null, string? Reason = null, long? NewEpoch = null,
    IReadOnlyList<Guid>? Revoked = null)
{
    public static RollbackView Of(Rollback rollback, AgentKnowledge known, DateTimeOffset now)
    {
        ArgumentNullException.ThrowIfNull(rollback);
        var (found, noted) = (rollback.Found, rollback.Acknowledged);
        var plan = noted is null ? RollbackPlan.Of(rollback, known, now) : new RollbackPlan([], [], []);
        return new RollbackView(
            rollback.Id, noted is null ? "Open" : "Acknowledged", found.At, found.Source, found.By, found.Epoch, found.LogEnd, rollback.SeenEpoch,
            rollback.Witnesses.Select(w => w.Position).Append(found.SeenPosition).Max(), found.Checkpoint, found.Tip, found.Lost,
            [.. rollback.Witnesses.Select(w => new RollbackWitness(w.Agent, w.Epoch, w.Position, w.PolicyVersion, w.Told, w.Ended, w.Issued))],
            plan.Known, plan.Unknown, plan.Locks, noted?.By.Key, noted?.At, noted?.Reason, noted?.Epoch, noted?.Revoked);
    }
}

/// <param name="Told">Whether it could say what was in force; one that was started anew since knows only how far it was.</param>
/// <param name="Issued">Grants that are in force there and that this log does not know to be active: they end with the acknowledgement.</param>
public sealed record RollbackWitness(
    string Agent, long Epoch, long Position, long PolicyVersion, bool Told, IReadOnlyList<Guid> Ended, IReadOnlyList<Guid> Issued);

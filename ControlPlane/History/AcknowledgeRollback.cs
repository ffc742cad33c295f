using AccessPlane.Contracts;
using AccessPlane.Contracts.Events;
using AccessPlane.Contracts.Identity;
using AccessPlane.ControlPlane.Agents;
using AccessPlane.ControlPlane.EventStore;
using AccessPlane.ControlPlane.Grants;
using AccessPlane.ControlPlane.Http;
using FluentValidation;
using Lock = AccessPlane.ControlPlane.Locks.Lock;

namespace AccessPlane.ControlPlane.History;

/// <param name="Revoked">Grants that were ended before.</param>
/// <param name="Locks">Locks that were placed before.</param>
public sealed record Acknowledgement(
    Guid Rollback, Actor By, bool IsAdmin, string Reason, IReadOnlyList<Guid> Revoked, IReadOnlyList<Guid> Locks, DateTimeOffset Now);

/// <summary>
/// An admin takes note that the log was set back. What agents knew to have ended is ended in this log too, and what nobody could tell of; then a new
/// epoch begins, above all that was ever seen, and agents take everything anew. Nothing of it reaches an agent before.
/// </summary>
public sealed class AcknowledgeRollback(Handle handle, LogHistories histories, AgentStateBuilder states, RevokeGrant revoke, TimeProvider clock)
{
    public static Outcome Decide(LogHistory history, Acknowledgement order)
    {
        ArgumentNullException.ThrowIfNull(history);
        ArgumentNullException.ThrowIfNull(order);
        return !order.IsAdmin ? Outcome.Refuse("admins-only", "acknowledging that the log was set back is for admins")
            : history.Rollbacks.FirstOrDefault(r => r.Id == order.Rollback) is not { } rollback ? Outcome.Refuse("no-such-rollback", "there is no such rollback")
            : rollback.Acknowledged is { } before ? Outcome.Refuse("rollback-acknowledged", $"`{before.By.Display}` has acknowledged it already")
            : Outcome.Of(new LogRollbackAcknowledged(
                rollback.Id, order.Now, order.By, order.Reason, Math.Max(history.Epoch, rollback.SeenEpoch) + 1, order.Revoked, order.Locks));
    }

    public async Task<Handled<LogHistory>> Handle(
        Guid id, AcknowledgementBody body, Caller caller, EventContext context, Guid? command, CancellationToken cancel)
    {
        var now = clock.GetUtcNow();
        var order = new Acknowledgement(id, caller.Actor, caller.IsAdmin, body.Reason, [], [], now.AddTicks(-(now.Ticks % TimeSpan.TicksPerMicrosecond)));
        var (history, version) = await handle.Load(Ids.History, LogHistory.StreamType, LogHistory.Initial, LogHistory.Evolve, cancel);
        if (Decide(history, order) is Outcome.Refused { Refusal: var early } && !(history.Open is null && command is not null))
        {
            return new Handled<LogHistory>(history, version, 0, early, false);
        }
        if (history.Open is { } open)
        {
            order = await Undo(open, order, body.Unknown, context, cancel);
        }
        var handled = await handle.Run(
            new Handling<LogHistory>(Ids.History, LogHistory.StreamType, LogHistory.Initial, LogHistory.Evolve, h => Decide(h, order), context, command), cancel);
        await histories.Current(cancel);
        return handled;
    }

    /// <summary>Each step may be repeated: an admin whose call was cut off calls again.</summary>
    private async Task<Acknowledgement> Undo(Rollback open, Acknowledgement order, UnknownGrants? unknown, EventContext context, CancellationToken cancel)
    {
        var plan = RollbackPlan.Of(open, await states.Current(cancel), order.Now);
        var ends = plan.Known.Select(g => (Grant: g, Why: "the log was set back to before its end, which an agent knew"))
            .Concat(unknown == UnknownGrants.Keep ? [] : plan.Unknown.Select(g => (Grant: g, Why: "the log was set back, and no agent could say that it had not ended: ask again")))
            .ToList();
        foreach (var (grant, why) in ends)
        {
            // what has ended meanwhile is refused, and that is as good
            await revoke.Handle(grant, order.By, order.IsAdmin, why, context, null, null, cancel);
        }
        foreach (var placing in plan.Locks)
        {
            await handle.Run(
                new Handling<Lock>(
                    placing.Lock, Lock.StreamType, Lock.Initial, Lock.Evolve,
                    state => state is Lock.None
                        ? Outcome.Of(new LockPlaced(placing.Lock, placing.On, $"{placing.Reason} (placed again: the log was set back)", placing.Until, order.By))
                        : Outcome.Nothing,
                    context),
                cancel);
        }
        return order with { Revoked = [.. ends.Select(e => e.Grant)], Locks = [.. plan.Locks.Select(l => l.Lock)] };
    }

    internal static void Map(IEndpointRouteBuilder routes) => routes
        .MapPost("/log/rollbacks/{id:guid}/acknowledge", async (
            Guid id, AcknowledgementBody body, HttpContext http, AcknowledgeRollback acknowledge, AgentStateBuilder states, TimeProvider clock, CancellationToken cancel) =>
        {
            var (caller, command) = (http.Caller(), http.Command());
            var handled = await acknowledge.Handle(id, body, caller, command.Context, command.Id, cancel);
            return handled.Refusal is { } refusal
                ? Problems.Of(refusal)
                : Results.Ok(RollbackView.Of(handled.State.Rollbacks.Single(r => r.Id == id), await states.Current(cancel), clock.GetUtcNow()));
        })
        .Validate<AcknowledgementBody>()
        .WithName("AcknowledgeRollback").WithSummary("Takes note that an old backup of the log was restored: a new epoch begins, and agents take everything anew")
        .WithDescription(
            "First the grants in `endsKnown` are revoked, and those in `endsUnknown` unless `unknown` is `keep`; the locks are placed again. Whoever needs " +
            "a right asks for it again.")
        .Produces<RollbackView>();
}

/// <summary>What becomes of grants of which no agent could say whether they had ended after the backup was made.</summary>
public enum UnknownGrants { Revoke, Keep }

/// <param name="Reason">Recorded, with who says so.</param>
/// <param name="Unknown">`revoke`, where it is left out.</param>
public sealed record AcknowledgementBody(string Reason, UnknownGrants? Unknown = null)
{
    public sealed class Rules : AbstractValidator<AcknowledgementBody>
    {
        public Rules()
        {
            RuleFor(x => x.Reason).NotEmpty().WithMessage("must say why");
            RuleFor(x => x.Reason).Readable();
        }
    }
}

using AccessPlane.Contracts.Policy;
using AccessPlane.ControlPlane.EventStore;
using AccessPlane.ControlPlane.Http;
using AccessPlane.ControlPlane.Policies;
using AccessPlane.Projections;

namespace AccessPlane.ControlPlane.Holds;

/// <summary>What a command about a hold answers: the hold as `GET /v1/holds/{id}` shows it, folded from its own stream, without waiting for the read
/// models.</summary>
public sealed class HoldAnswers(EventLog log, HeldOperations rows, PolicySource policy, TimeProvider clock)
{
    /// <summary>200 with the hold; where the command was refused, the problem, with what was decided for who may see it.</summary>
    internal async Task<IResult> Changed(Handled<Hold> handled, Caller caller, CancellationToken cancel)
    {
        if (handled.State is not Hold.Known known)
        {
            return Problems.Of(handled.Refusal!);
        }
        if (handled.Refusal is not { } refusal)
        {
            return Answers.Ok((await Row(known.Id, cancel))!, handled.Version);
        }
        return MaySee(known, caller, (await policy.Current(cancel)).Model) ? Problems.Of(refusal, await Row(known.Id, cancel)) : Problems.Of(refusal);
    }

    /// <summary>The hold as the API shows it.</summary>
    internal async Task<HoldRow?> Row(Guid hold, CancellationToken cancel) => rows.RowOf(await log.ReadStream(hold, cancel))?.At(clock.GetUtcNow());

    internal static bool MaySee(Hold.Known state, Caller caller, PolicyModel model) =>
        caller.Sees(state.Held.Holder) || model.WhyNotReview(state.Step, state.Held.Holder, caller.Actor) is null;

    /// <summary>Who may know of a hold: its holder and those in whose name, its approvers, admins and auditors.</summary>
    internal static bool MaySee(HoldRow row, Caller caller, PolicyModel model) =>
        caller.Sees(row.Holder) || model.WhyNotReview(new ApprovalStep(row.From, row.Count), row.Holder, caller.Actor) is null;
}

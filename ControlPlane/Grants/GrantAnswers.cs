using AccessPlane.Contracts;
using AccessPlane.Contracts.Policy;
using AccessPlane.ControlPlane.Agents;
using AccessPlane.ControlPlane.EventStore;
using AccessPlane.ControlPlane.Http;
using AccessPlane.ControlPlane.Policies;
using AccessPlane.Projections;

namespace AccessPlane.ControlPlane.Grants;

/// <summary>What a command about a grant answers: the grant as `GET /v1/grants/{id}` shows it, folded from its own stream, without waiting for the
/// read models.</summary>
public sealed class GrantAnswers(EventLog log, GrantsByHolder grants, AgentHealth agents, Rows rows, AgentAcks acks, PolicySource policy, ReadBarrier barrier, TimeProvider clock)
{
    /// <summary>200 with the grant; where the command was refused, the problem, with what was decided for who may see it.</summary>
    internal async Task<IResult> Changed(Handled<Grant> handled, Caller caller, CancellationToken cancel)
    {
        if (handled.State is not Grant.Known known)
        {
            return Problems.Of(handled.Refusal!);
        }
        var model = (await policy.Current(cancel)).Model;
        if (handled.Refusal is not { } refusal)
        {
            return Answers.Ok((await View(known.Id, model, cancel))!, handled.Version);
        }
        return MaySee(known, caller, model) ? Problems.Of(refusal, await View(known.Id, model, cancel)) : Problems.Of(refusal);
    }

    /// <summary>The problem of a command that asked for something under a grant, with the grant for who may see it.</summary>
    internal async Task<IResult> Refused(Guid grant, Refusal refusal, Caller caller, CancellationToken cancel)
    {
        var model = (await policy.Current(cancel)).Model;
        return grants.RowOf(await log.ReadStream(grant, Grant.StreamType, cancel)) is { } row && GetGrant.MaySee(row, caller, model)
            ? Problems.Of(refusal, await View(grant, model, cancel))
            : Problems.Of(refusal);
    }

    private async Task<GrantView?> View(Guid grant, PolicyModel model, CancellationToken cancel)
    {
        if (grants.RowOf(await log.ReadStream(grant, cancel)) is not { } row)
        {
            return null;
        }
        await barrier.CaughtUp([agents], cancel);
        var serving = await rows.List(agents, new Query([], null, Rows.MaxPage), cancel);
        return GrantView.Of(row, serving.Items, await acks.Status(cancel), model, clock.GetUtcNow());
    }

    /// <summary>Who may know of a grant: its holder and the person in whose name it is held, its approvers, admins and auditors.</summary>
    private static bool MaySee(Grant.Known state, Caller caller, PolicyModel model) =>
        caller.Sees(state.Issued.Holder) || Holding.HasAuthority(state, caller.Actor, caller.IsAdmin, model);
}

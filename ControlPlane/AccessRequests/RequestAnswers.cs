using AccessPlane.Contracts.Policy;
using AccessPlane.ControlPlane.EventStore;
using AccessPlane.ControlPlane.Http;
using AccessPlane.ControlPlane.Policies;
using AccessPlane.ControlPlane.Resources;
using AccessPlane.Projections;

namespace AccessPlane.ControlPlane.AccessRequests;

/// <summary>What a command about a request answers: the request as `GET /v1/requests/{id}` shows it, folded from its own stream, without waiting
/// for the read models.</summary>
public sealed class RequestAnswers(EventLog log, Requests rows, PolicySource policy, MaskingSource masking, TimeProvider clock)
{
    /// <summary>201 for a request that was filed; else as <see cref="Changed"/>.</summary>
    internal async Task<IResult> Filed(Handled<AccessRequest> handled, Caller caller, CancellationToken cancel) =>
        handled is { Refusal: null, State: AccessRequest.Known filed } && await Row(filed.Id, cancel) is { } row
            ? Answers.Created($"/v1/requests/{filed.Id:D}", row, handled.Version)
            : await Changed(handled, caller, cancel);

    /// <summary>200 with the request; where the command was refused, the problem, with what was decided for who may see it.</summary>
    internal async Task<IResult> Changed(Handled<AccessRequest> handled, Caller caller, CancellationToken cancel)
    {
        if (handled.State is not AccessRequest.Known known)
        {
            return Problems.Of(handled.Refusal!);
        }
        if (handled.Refusal is not { } refusal)
        {
            return Answers.Ok((await Row(known.Id, cancel))!, handled.Version);
        }
        return MaySee(known, caller, (await policy.Current(cancel)).Model) ? Problems.Of(refusal, await Row(known.Id, cancel)) : Problems.Of(refusal);
    }

    /// <summary>The request as the API shows it.</summary>
    internal async Task<RequestRow?> Row(Guid request, CancellationToken cancel) =>
        rows.RowOf(await log.ReadStream(request, cancel))?.At(clock.GetUtcNow()) is { } row ? row with { Notice = await Notice(row, cancel) } : null;

    /// <summary>The database may have to enforce masks and not do so: whoever asks should hear of it before somebody approves.</summary>
    private async Task<string?> Notice(RequestRow row, CancellationToken cancel)
    {
        if (row.State is not ("Submitted" or "Approved") || (await policy.Current(cancel)).Model.Resource(row.Resource) is not { Masking: MaskingMode.Server } terms)
        {
            return null;
        }
        return (await masking.Current(cancel)).Summary(terms) is var summary && summary != MaskingKnowledge.Ready
            ? $"no session of `{row.Resource}` may open yet: masking: {summary}"
            : null;
    }

    /// <summary>Who may know of a request: who asked and those in whose name, its approvers, admins and auditors.</summary>
    internal static bool MaySee(AccessRequest.Known state, Caller caller, PolicyModel model) =>
        caller.Sees(state.Asked.Requester) || state.Asked.Steps.Any(step => model.WhyNotReview(step, state.Asked.Requester, caller.Actor) is null);
}

using AccessPlane.Contracts;
using AccessPlane.Contracts.Events;
using AccessPlane.Contracts.Identity;
using AccessPlane.ControlPlane.EventStore;
using AccessPlane.ControlPlane.Http;
using AccessPlane.ControlPlane.Policies;
using AccessPlane.Projections;

namespace AccessPlane.ControlPlane.AccessRequests;

public sealed record Cancellation(Actor By, bool IsAdmin, Circumstances World);

/// <summary>Who asked takes it back.</summary>
public sealed partial class CancelRequest(Handle handle, CircumstancesSource world)
{
    public static Outcome Decide(AccessRequest state, Cancellation cancel) => state switch
    {
        AccessRequest.Known k when !IsOwn(k, cancel) => cancel.IsAdmin
            ? Outcome.Refuse("not-the-requester", "only who asked may cancel a request; approvers and admins deny it or revoke its grant")
            : NoSuchRequest,
        AccessRequest.Submitted s => Closing.WhyClose(s, cancel.World) ?? Outcome.Of(new RequestCancelled(cancel.By, "cancelled by the requester")),
        AccessRequest.Known k => Outcome.Refuse("request-closed", $"the request is closed: it is {k.Name}"),
        _ => NoSuchRequest,
    };

    public async Task<Handled<AccessRequest>> Handle(
        Guid request, Actor by, bool isAdmin, EventContext context, Guid? command, long? ifMatch, CancellationToken cancel)
    {
        var now = await world.Now(cancel);
        return await handle.Run(
            new Handling<AccessRequest>(
                request, AccessRequest.StreamType, AccessRequest.Initial, AccessRequest.Evolve,
                state => Decide(state, new Cancellation(by, isAdmin, now)), context, command, ifMatch),
            cancel);
    }

    private static Outcome NoSuchRequest => Outcome.Refuse("no-such-request", "there is no such request");

    /// <summary>The requester, or the person in whose name an agent asked.</summary>
    private static bool IsOwn(AccessRequest.Known request, Cancellation cancel) =>
        request.Asked.Requester.ChainKey == cancel.By.ChainKey || (cancel.By.Act.Count == 0 && request.Asked.Requester.Key == cancel.By.Key);

    internal static void Map(IEndpointRouteBuilder routes) => routes
        .MapPost("/requests/{id:guid}/cancel", async (Guid id, HttpContext http, CancelRequest cancelling, RequestAnswers answers, CancellationToken cancel) =>
        {
            var (caller, command) = (http.Caller(), http.Command());
            var handled = await cancelling.Handle(id, caller.Actor, caller.IsAdmin, command.Context, command.Id, command.IfMatch, cancel);
            return await answers.Changed(handled, caller, cancel);
        })
        .WithName("CancelRequest").WithTags("Requests").WithSummary("Takes a pending request back")
        .Produces<RequestRow>();
}

using AccessPlane.Contracts;
using AccessPlane.Contracts.Events;
using AccessPlane.Contracts.Identity;
using AccessPlane.ControlPlane.Broker;
using AccessPlane.ControlPlane.EventStore;
using AccessPlane.ControlPlane.Http;

namespace AccessPlane.ControlPlane.Notifications;

public sealed record ApproverRemoval(string Name, Actor By, bool IsAdmin);

/// <summary>An admin takes an approver's broker user away.</summary>
public static class RemoveApprover
{
    public static Outcome Decide(Approver state, ApproverRemoval order)
    {
        ArgumentNullException.ThrowIfNull(order);
        return (order.IsAdmin, state) switch
        {
            (false, _) => Outcome.Refuse("admins-only", "removing approvers from the broker is for admins"),
            (_, Approver.Removed) => Outcome.Nothing,
            // also where the log knows of no adding: the broker may have one by this name
            _ => Outcome.Of(new ApproverRemoved(order.Name, order.By)),
        };
    }

    internal static void Map(IEndpointRouteBuilder routes) => routes.MapDelete("/approvers/{name}", Handle)
        .WithName("RemoveApprover").WithSummary("Takes an approver's broker user away; its connections are closed")
        .Produces(StatusCodes.Status204NoContent);

    private static async Task<IResult> Handle(string name, Handle handle, BrokerAdmin broker, HttpContext http, CancellationToken cancel)
    {
        var (caller, command) = (http.Caller(), http.Command());
        if (caller.IsAdmin && !Ids.IsName(name))
        {
            return Problems.Of("no-such-approver", $"`{name}` is not an approver's name");
        }
        var handled = await handle.Run(
            new Handling<Approver>(
                Ids.Approver(name), Approver.StreamType, Approver.Initial, Approver.Evolve,
                state => Decide(state, new ApproverRemoval(name, caller.Actor, caller.IsAdmin)), command.Context, command.Id, command.IfMatch),
            cancel);
        if (handled.Refusal is { } refusal)
        {
            return Problems.Of(refusal);
        }
        await broker.RemoveApprover(name, cancel); // safe to repeat: whoever was not answered asks again
        return Results.NoContent();
    }
}

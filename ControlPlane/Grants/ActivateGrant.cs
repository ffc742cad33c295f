using AccessPlane.Contracts;
using AccessPlane.Contracts.Events;
using AccessPlane.Contracts.Identity;
using AccessPlane.ControlPlane.EventStore;
using AccessPlane.ControlPlane.Http;
using AccessPlane.ControlPlane.Policies;

namespace AccessPlane.ControlPlane.Grants;

/// <param name="Holder">Null where the product does it in the holder's place.</param>
public sealed record Activation(Actor? Holder, Circumstances World);

/// <summary>The clock starts: by the holder, or by itself with the first ticket or login.</summary>
public sealed partial class ActivateGrant(Handle handle, CircumstancesSource world)
{
    public static Outcome Decide(Grant state, Activation activation) => state switch
    {
        Grant.Known k when activation.Holder is { } by && !Holding.IsHolder(k, by) => Holding.NoSuchGrant,
        Grant.Approved g => Activate(g, activation),
        // again is not later: the end does not move
        Grant.Active g => Holding.WhyEnd(g, activation.World) ?? Outcome.Nothing,
        Grant.Ended g => Holding.IsOver(g),
        _ => Holding.NoSuchGrant,
    };

    public async Task<Handled<Grant>> Handle(
        Guid grant, Actor? holder, EventContext context, Guid? command, long? ifMatch, CancellationToken cancel)
    {
        var now = await world.Now(cancel);
        return await handle.Run(
            new Handling<Grant>(
                grant, Grant.StreamType, Grant.Initial, Grant.Evolve, state => Decide(state, new Activation(holder, now)),
                context with { PolicyVersion = now.Policy.Version }, command, ifMatch),
            cancel);
    }

    private static Outcome Activate(Grant.Approved state, Activation activation)
    {
        var (issued, world) = (state.Issued, activation.World);
        if (Holding.WhyEnd(state, world) is { } over)
        {
            return over;
        }
        var approved = new GrantTerms(world.Now + issued.Duration, issued.Scope, issued.MaxConnections, issued.TokenLogin, issued.PolicyVersion, issued.Login);
        var today = TodaysTerms.Of(issued, approved, world.Now, extended: false, activation.Holder ?? issued.Holder, world.Policy, out var why);
        return today is null
            ? new Outcome.Happened(
                [new Contracts.Events.ActivationRefused(why, world.Policy.Version)], [], new Refusal("activation-refused", $"the grant cannot be activated: {why}"))
            : Outcome.Of(new GrantActivated(
                world.Now, today.NotAfter, today.Scope, today.MaxConnections, today.TokenLogin, today.PolicyVersion, today.Login));
    }

    internal static void Map(IEndpointRouteBuilder routes) => routes
        .MapPost("/grants/{id:guid}/activate", async (Guid id, HttpContext http, ActivateGrant useCase, GrantAnswers answers, CancellationToken cancel) =>
        {
            var (caller, command) = (http.Caller(), http.Command());
            var handled = await useCase.Handle(id, caller.Actor, command.Context, command.Id, command.IfMatch, cancel);
            return await answers.Changed(handled, caller, cancel);
        })
        .WithName("ActivateGrant").WithTags("Grants").WithSummary("Starts the time of a grant; tickets and logins do it by themselves")
        .Produces<GrantView>();
}

using AccessPlane.Contracts;
using AccessPlane.Contracts.Events;
using AccessPlane.Contracts.Identity;
using AccessPlane.ControlPlane.EventStore;
using AccessPlane.ControlPlane.Http;
using AccessPlane.ControlPlane.Policies;

namespace AccessPlane.ControlPlane.Grants;

public sealed record Surrender(Actor By, Circumstances World);

/// <summary>The holder gives it back before its time.</summary>
public sealed partial class SurrenderGrant(Handle handle, CircumstancesSource world)
{
    public static Outcome Decide(Grant state, Surrender surrender) => state switch
    {
        Grant.Known k when !MaySurrender(k, surrender.By) => Holding.NoSuchGrant,
        Grant.Approved or Grant.Active => Holding.WhyEnd((Grant.Known)state, surrender.World) ?? Outcome.Of(new GrantSurrendered(surrender.By)),
        Grant.Ended g => Holding.IsOver(g),
        _ => Holding.NoSuchGrant,
    };

    public async Task<Handled<Grant>> Handle(
        Guid grant, Actor by, EventContext context, Guid? command, long? ifMatch, CancellationToken cancel)
    {
        var now = await world.Now(cancel);
        return await handle.Run(
            new Handling<Grant>(
                grant, Grant.StreamType, Grant.Initial, Grant.Evolve, state => Decide(state, new Surrender(by, now)),
                context with { PolicyVersion = now.Policy.Version }, command, ifMatch),
            cancel);
    }

    /// <summary>The holder, or the person in whose name an agent holds it.</summary>
    private static bool MaySurrender(Grant.Known grant, Actor by) =>
        Holding.IsHolder(grant, by) || (by.Act.Count == 0 && grant.Issued.Holder.Key == by.Key);

    internal static void Map(IEndpointRouteBuilder routes) => routes
        .MapPost("/grants/{id:guid}/surrender", async (Guid id, HttpContext http, SurrenderGrant useCase, GrantAnswers answers, CancellationToken cancel) =>
        {
            var (caller, command) = (http.Caller(), http.Command());
            var handled = await useCase.Handle(id, caller.Actor, command.Context, command.Id, command.IfMatch, cancel);
            return await answers.Changed(handled, caller, cancel);
        })
        .WithName("SurrenderGrant").WithTags("Grants").WithSummary("Gives a grant back before its time")
        .Produces<GrantView>();
}

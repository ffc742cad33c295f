using AccessPlane.Contracts;
using AccessPlane.Contracts.Events;
using AccessPlane.Contracts.Identity;
using AccessPlane.ControlPlane.EventStore;
using AccessPlane.ControlPlane.Http;
using AccessPlane.ControlPlane.Policies;
using FluentValidation;

namespace AccessPlane.ControlPlane.Grants;

public sealed record Revocation(Actor By, bool IsAdmin, string Why, Circumstances World);

/// <summary>Someone with authority ends it. Live sessions die.</summary>
public sealed partial class RevokeGrant(Handle handle, CircumstancesSource world)
{
    public static Outcome Decide(Grant state, Revocation revocation) => state switch
    {
        Grant.Known k when !Holding.HasAuthority(k, revocation.By, revocation.IsAdmin, revocation.World.Model) => Holding.IsHolder(k, revocation.By)
            ? Outcome.Refuse("not-an-approver", "revoking is for the entitlement's approvers and admins; a holder surrenders")
            : Outcome.Refuse("not-an-approver", "revoking is for the entitlement's approvers and admins"),
        Grant.Approved or Grant.Active =>
            // a lock's or the clock's end counts as well; otherwise this one is written down
            Holding.WhyEnd((Grant.Known)state, revocation.World) ?? Outcome.Of(new GrantRevoked(revocation.By, revocation.Why)),
        Grant.Ended g => Holding.IsOver(g),
        _ => Holding.NoSuchGrant,
    };

    public async Task<Handled<Grant>> Handle(
        Guid grant, Actor by, bool isAdmin, string why, EventContext context, Guid? command, long? ifMatch, CancellationToken cancel)
    {
        var now = await world.Now(cancel);
        return await handle.Run(
            new Handling<Grant>(
                grant, Grant.StreamType, Grant.Initial, Grant.Evolve, state => Decide(state, new Revocation(by, isAdmin, why, now)),
                context with { PolicyVersion = now.Policy.Version }, command, ifMatch),
            cancel);
    }

    internal static void Map(IEndpointRouteBuilder routes) => routes
        .MapPost("/grants/{id:guid}/revoke", async (Guid id, RevokeBody? body, HttpContext http, RevokeGrant useCase, GrantAnswers answers, CancellationToken cancel) =>
        {
            var (caller, command) = (http.Caller(), http.Command());
            var handled = await useCase.Handle(id, caller.Actor, caller.IsAdmin, body?.Reason ?? "revoked", command.Context, command.Id, command.IfMatch, cancel);
            return await answers.Changed(handled, caller, cancel);
        })
        .Validate<RevokeBody>()
        .WithName("RevokeGrant").WithTags("Grants").WithSummary("Ends a grant: its live sessions die")
        .Produces<GrantView>();
}

public sealed record RevokeBody(string? Reason = null)
{
    public sealed class Rules : AbstractValidator<RevokeBody>
    {
        public Rules() => RuleFor(x => x.Reason).Readable();
    }
}

using AccessPlane.Contracts;
using AccessPlane.Contracts.Events;
using AccessPlane.Contracts.Identity;
using AccessPlane.ControlPlane.EventStore;
using AccessPlane.ControlPlane.Http;
using FluentValidation;

namespace AccessPlane.ControlPlane.Keys;

/// <param name="By">Null where the time is over.</param>
public sealed record KeyRetirement(Actor? By, bool IsAdmin, bool Compromised, string Why, DateTimeOffset Now);

/// <summary>The signing key that has a successor signs nothing any more: when its overlap is over, or when an admin says so.</summary>
public sealed class RetireKey(Handle handle, KeyWatch watch, TimeProvider clock)
{
    public static Outcome Decide(ControlPlaneKeys state, KeyRetirement order)
    {
        ArgumentNullException.ThrowIfNull(state);
        ArgumentNullException.ThrowIfNull(order);
        return (order, state.Next) switch
        {
            ({ By: not null, IsAdmin: false }, _) => Outcome.Refuse("admins-only", "keys are for admins"),
            ({ By: null }, null) => Outcome.Nothing,
            ({ By: null }, { } next) when order.Now < next.OverlapUntil => Outcome.Nothing,
            (_, null) => Outcome.Refuse("no-successor", "the signing key has no successor: rotate it"),
            (_, { } next) => Outcome.Of(new ControlPlaneKeyRetired(next.Key.Previous, order.Compromised, order.By, order.Why)),
        };
    }

    internal async Task<Handled<ControlPlaneKeys>> Handle(KeyRetirement order, CommandContext? command, CancellationToken cancel)
    {
        var handled = await handle.Run(
            new Handling<ControlPlaneKeys>(
                Ids.Keys, ControlPlaneKeys.StreamType, ControlPlaneKeys.Initial, ControlPlaneKeys.Evolve, s => Decide(s, order),
                command?.Context ?? new EventContext(Actor.System("keys"), Guid.CreateVersion7(order.Now)), command?.Id, command?.IfMatch),
            cancel);
        await watch.Look(cancel);
        return handled;
    }

    internal static void Map(IEndpointRouteBuilder routes) => routes
        .MapPost("/keys/signing/retire", async (KeyRetirementBody body, HttpContext http, RetireKey retire, SigningKeys keys, CancellationToken cancel) =>
        {
            var caller = http.Caller();
            var order = new KeyRetirement(caller.Actor, caller.IsAdmin, body.Compromised ?? false, body.Reason, retire.Now);
            return KeysView.Answer(await retire.Handle(order, http.Command(), cancel), keys);
        })
        .Validate<KeyRetirementBody>()
        .WithName("RetireKey").WithSummary("Ends the overlap: the old signing key is not believed any more").Produces<KeysView>();

    private DateTimeOffset Now => clock.GetUtcNow();
}

/// <param name="Compromised">Recorded: somebody else may have it.</param>
public sealed record KeyRetirementBody(string Reason, bool? Compromised = null)
{
    public sealed class Rules : AbstractValidator<KeyRetirementBody>
    {
        public Rules()
        {
            RuleFor(x => x.Reason).NotEmpty().WithMessage("must say why");
            RuleFor(x => x.Reason).Readable();
        }
    }
}

using AccessPlane.Contracts;
using AccessPlane.Contracts.Events;
using AccessPlane.Contracts.Identity;
using AccessPlane.Contracts.Messages;
using AccessPlane.ControlPlane.EventStore;
using AccessPlane.ControlPlane.Http;
using FluentValidation;

namespace AccessPlane.ControlPlane.Keys;

/// <param name="Key">Signed by all who have to.</param>
/// <param name="Overlap">How long both are believed.</param>
public sealed record Rotation(KeyAnnouncement Key, TimeSpan Overlap, bool Compromised, string Reason, Actor By, bool IsAdmin);

/// <summary>An admin has the control plane make a new key, and use it; where the old one is compromised, at once.</summary>
public sealed class RotateKey(Handle handle, SigningKeys keys, KeyWatch watch, TimeProvider clock)
{
    public static readonly TimeSpan Overlap = TimeSpan.FromDays(1);
    public static readonly TimeSpan LongestOverlap = TimeSpan.FromDays(30);

    public static Outcome Decide(ControlPlaneKeys state, Rotation order)
    {
        ArgumentNullException.ThrowIfNull(state);
        ArgumentNullException.ThrowIfNull(order);
        if (!order.IsAdmin)
        {
            return Outcome.Refuse("admins-only", "keys are for admins");
        }
        if (order.Key.Use == KeyAnnouncement.Signing && state.Next is { } next)
        {
            return Outcome.Refuse("rotation-under-way", $"a new signing key was announced and the old one is believed until {next.OverlapUntil:yyyy-MM-dd'T'HH:mm:ss'Z'}: retire that one first");
        }
        if (order.Key.Generation != state.Newest(order.Key.Use) + 1)
        {
            return Outcome.Refuse("too-busy", "another key was made meanwhile: look at the keys, and try again");
        }
        var announced = new ControlPlaneKeyAnnounced(
            order.Key, order.Key.Use == KeyAnnouncement.Encryption || order.Compromised ? order.Key.At : order.Key.At + order.Overlap, order.By, order.Reason);
        return order.Key.Use == KeyAnnouncement.Signing && order.Compromised
            ? Outcome.Of(announced, new ControlPlaneKeyRetired(order.Key.Previous, true, order.By, order.Reason))
            : Outcome.Of(announced);
    }

    internal async Task<Handled<ControlPlaneKeys>> Handle(string use, RotationBody body, Caller caller, CommandContext command, CancellationToken cancel)
    {
        var (state, version) = await handle.Load(Ids.Keys, ControlPlaneKeys.StreamType, ControlPlaneKeys.Initial, ControlPlaneKeys.Evolve, cancel);
        if (!caller.IsAdmin)
        {
            return new Handled<ControlPlaneKeys>(state, version, 0, new Refusal("admins-only", "keys are for admins"), false);
        }
        keys.Use(state);
        var now = clock.GetUtcNow();
        var key = keys.Announce(use, state.Newest(use) + 1, now.AddTicks(-(now.Ticks % TimeSpan.TicksPerMicrosecond)));
        var order = new Rotation(key, body.Overlap ?? Overlap, body.Compromised ?? false, body.Reason, caller.Actor, caller.IsAdmin);
        var handled = await handle.Run(
            new Handling<ControlPlaneKeys>(
                Ids.Keys, ControlPlaneKeys.StreamType, ControlPlaneKeys.Initial, ControlPlaneKeys.Evolve, s => Decide(s, order), command.Context, command.Id, command.IfMatch),
            cancel);
        await watch.Look(cancel);
        return handled;
    }

    internal static void Map(IEndpointRouteBuilder routes) => routes
        .MapPost("/keys/{use}/rotate", async (string use, RotationBody body, HttpContext http, RotateKey rotate, SigningKeys keys, CancellationToken cancel) =>
            use is KeyAnnouncement.Signing or KeyAnnouncement.Encryption
                ? KeysView.Answer(await rotate.Handle(use, body, http.Caller(), http.Command(), cancel), keys)
                : Problems.Of("no-such-key", "there are keys for `signing` and for `encryption`"))
        .Validate<RotationBody>()
        .WithName("RotateKey").WithSummary("Makes a new key for `signing` or `encryption`, and announces it to the agents")
        .WithDescription(
            "Signing: the old key signs on, and agents believe both, until `overlap` (a day) has passed; with `compromised` the old one is retired at once. Encryption: " +
            "agents seal with the new one from now on, and what they have sealed before can still be opened.")
        .Produces<KeysView>();
}

/// <param name="Overlap">Up to 30 days; a day where it is left out.</param>
/// <param name="Compromised">Somebody else may have the old key: it is not believed from now on.</param>
public sealed record RotationBody(string Reason, TimeSpan? Overlap = null, bool? Compromised = null)
{
    public sealed class Rules : AbstractValidator<RotationBody>
    {
        public Rules()
        {
            RuleFor(x => x.Reason).NotEmpty().WithMessage("must say why");
            RuleFor(x => x.Reason).Readable();
            RuleFor(x => x.Overlap).Must(o => o is null || (o > TimeSpan.Zero && o <= RotateKey.LongestOverlap)).WithMessage("must be more than nothing and at most P30D");
        }
    }
}

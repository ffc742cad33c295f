using System.Security.Cryptography;
using AccessPlane.Contracts.Messages;
using AccessPlane.ControlPlane.EventStore;
using AccessPlane.ControlPlane.Http;
using FluentValidation;

namespace AccessPlane.ControlPlane.Keys;

/// <summary>The control plane's own keys, and how one follows another.</summary>
public static class KeysFeature
{
    public static IServiceCollection AddKeys(this IServiceCollection services)
    {
        services.AddSingleton(s => new SigningKeys(s.GetRequiredService<IConfiguration>()["Keys:Path"] ?? "keys"));
        services.AddSingleton<KeyWatch>().AddSingleton<RotateKey>().AddSingleton<RetireKey>();
        services.AddSingleton<IValidator<RotationBody>, RotationBody.Rules>().AddSingleton<IValidator<KeyRetirementBody>, KeyRetirementBody.Rules>();
        services.AddHostedService(s => s.GetRequiredService<KeyWatch>());
        return services.AddSubscription<KeyDeadlines>();
    }

    public static IEndpointRouteBuilder MapKeys(this IEndpointRouteBuilder routes)
    {
        routes.MapGet("/keys", async (HttpContext http, KeyWatch watch, SigningKeys keys, CancellationToken cancel) => http.Caller().SeesAll()
            ? Results.Ok(KeysView.Of(await watch.Look(cancel), keys))
            : Problems.Of("auditors-only", "the keys' history is for auditors and admins"))
            .WithName("ListKeys").WithSummary("The control plane's public keys, and which followed which").Produces<KeysView>();
        RotateKey.Map(routes);
        RetireKey.Map(routes);
        return routes;
    }
}

/// <summary>The control plane's public keys, the oldest first.</summary>
/// <param name="Ring">Everything that was announced, as agents and verifiers check it.</param>
public sealed record KeysView(IReadOnlyList<KeyView> Signing, IReadOnlyList<KeyView> Encryption, KeyRing Ring)
{
    public static KeysView Of(ControlPlaneKeys state, SigningKeys keys)
    {
        ArgumentNullException.ThrowIfNull(state);
        ArgumentNullException.ThrowIfNull(keys);
        return new KeysView(List(state, KeyAnnouncement.Signing, keys.SigningPublicKey), List(state, KeyAnnouncement.Encryption, keys.EncryptionPublicKey), state.Ring);
    }

    internal static IResult Answer(Handled<ControlPlaneKeys> handled, SigningKeys keys) => handled.Refusal is { } refusal
        ? Problems.Of(refusal)
        : Answers.Ok(Of(handled.State, keys), handled.Version);

    /// <param name="only">The key where none was ever announced.</param>
    private static IReadOnlyList<KeyView> List(ControlPlaneKeys state, string use, string only)
    {
        var announced = state.Of(use).ToList();
        return announced.Count == 0 ? [View(only, 1, state, use)] : [View(announced[0].Key.Previous, 1, state, use), .. announced.Select(a => View(a.Key.PublicKey, a.Key.Generation, state, use) with
        {
            Since = a.Key.At,
            Reason = a.Reason,
            OverlapUntil = state.Next == a ? a.OverlapUntil : null,
        })];
    }

    private static KeyView View(string key, int generation, ControlPlaneKeys state, string use)
    {
        var current = use == KeyAnnouncement.Signing ? state.SigningGeneration : state.EncryptionGeneration;
        var retired = state.Retired.FirstOrDefault(r => r.PublicKey == key);
        return new KeyView(
            key, $"sha256:{Convert.ToHexStringLower(SHA256.HashData(Convert.FromBase64String(key)))}", generation,
            generation == current ? "Current" : generation > current ? "Announced" : retired?.Compromised == true ? "Compromised" : "Retired");
    }
}

/// <param name="State">Announced, Current, Retired, Compromised.</param>
/// <param name="OverlapUntil">Of an announced one: when it takes over.</param>
public sealed record KeyView(
    string PublicKey, string Fingerprint, int Generation, string State, DateTimeOffset? Since = null, DateTimeOffset? OverlapUntil = null, string? Reason = null);

using System.Collections.Immutable;
using AccessPlane.Contracts;
using AccessPlane.Contracts.Events;
using AccessPlane.Contracts.Messages;

namespace AccessPlane.ControlPlane.Keys;

/// <summary>The control plane's keys as the log has them. What was never announced is of the first generation, and in the key folder alone.</summary>
public sealed record ControlPlaneKeys(ImmutableList<ControlPlaneKeyAnnounced> Announced, ImmutableList<ControlPlaneKeyRetired> Retired)
{
    public const string StreamType = "keys";

    public static ControlPlaneKeys Initial { get; } = new([], []);

    /// <summary>Of what has happened to them: never less than before.</summary>
    public int Count => Announced.Count + Retired.Count;

    /// <summary>The generation that signs: the newest whose predecessors are all retired.</summary>
    public int SigningGeneration => Of(KeyAnnouncement.Signing).TakeWhile(a => Retired.Any(r => r.PublicKey == a.Key.Previous)).Select(a => a.Key.Generation).LastOrDefault(1);

    public int EncryptionGeneration => Newest(KeyAnnouncement.Encryption);

    /// <summary>The announcement of the key that follows the one that signs; null where none does.</summary>
    public ControlPlaneKeyAnnounced? Next => Of(KeyAnnouncement.Signing).FirstOrDefault(a => a.Key.Generation > SigningGeneration);

    public int Newest(string use) => Of(use).Select(a => a.Key.Generation).LastOrDefault(1);

    public KeyRing Ring => new([.. Announced.Select(a => a.Key)], [.. Retired.Select(r => r.PublicKey)]);

    public IEnumerable<ControlPlaneKeyAnnounced> Of(string use) => Announced.Where(a => a.Key.Use == use);

    public static ControlPlaneKeys Evolve(ControlPlaneKeys keys, IEvent e)
    {
        ArgumentNullException.ThrowIfNull(keys);
        return e switch
        {
            ControlPlaneKeyAnnounced announced when announced.Key.Generation == keys.Newest(announced.Key.Use) + 1 => keys with { Announced = keys.Announced.Add(announced) },
            ControlPlaneKeyRetired retired when keys.Next?.Key.Previous == retired.PublicKey => keys with { Retired = keys.Retired.Add(retired) },
            _ => throw new InvalidOperationException($"`{e?.GetType().Name}` cannot happen to the keys now"),
        };
    }
}

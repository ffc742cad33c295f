using AccessPlane.Contracts;
using AccessPlane.Contracts.Events;

namespace AccessPlane.ControlPlane.Policies;

/// <summary>The policy's stream: one document after the other, each version in the place of the one before.</summary>
public sealed record PublishedDocument(long Version, PolicyPublished? Current)
{
    public const string StreamType = "policy";

    public static PublishedDocument Initial { get; } = new(0, null);

    /// <summary>Every event of the policy's stream.</summary>
    public static IReadOnlyList<Type> EventTypes { get; } = [typeof(PolicyPublished)];

    public static PublishedDocument Evolve(PublishedDocument state, IEvent e) => e switch
    {
        PolicyPublished published when published.Version == state.Version + 1 => new PublishedDocument(published.Version, published),
        _ => throw new InvalidOperationException($"`{e.GetType().Name}` cannot happen to a policy at version {state.Version}"),
    };
}

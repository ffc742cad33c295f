using AccessPlane.Contracts;
using AccessPlane.Contracts.Events;

namespace AccessPlane.ControlPlane.Resources;

/// <summary>A thing protected: it appears with a published policy and leaves with one, and may come back.</summary>
public abstract record Resource
{
    public const string StreamType = "resource";

    private Resource() { }

    public static Resource Initial { get; } = new None();

    /// <summary>Every event of a resource's stream.</summary>
    public static IReadOnlyList<Type> EventTypes { get; } = [typeof(ResourceRegistered), typeof(ResourceRetired)];

    public sealed record None : Resource;

    public sealed record Registered(string Id, string Kind) : Resource;

    public sealed record Retired(string Id) : Resource;

    public static Resource Evolve(Resource state, IEvent e) => (state, e) switch
    {
        (None or Retired or Registered, ResourceRegistered r) => new Registered(r.Resource, r.Kind),
        (Registered, ResourceRetired r) => new Retired(r.Resource),
        _ => throw new InvalidOperationException($"`{e.GetType().Name}` cannot happen to a resource that is {state.GetType().Name}"),
    };
}

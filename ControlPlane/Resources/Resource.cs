using System.Collections.Immutable;
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
    public static IReadOnlyList<Type> EventTypes { get; } =
        [typeof(ResourceRegistered), typeof(ResourceRetired), typeof(ResourceMaskingReported), typeof(ResourceMaskingOrdered), typeof(ResourceCatalogReported)];

    public sealed record None : Resource;

    public abstract record Known(string Id) : Resource
    {
        /// <summary>It outlives a retirement: what is set up in the databases does too.</summary>
        public ResourceMasking Masking { get; init; } = ResourceMasking.Nothing;

        /// <summary>Hashes of what each agent found last; also beyond a retirement, because the databases stay.</summary>
        public ImmutableDictionary<(string Agent, string Database), string> Catalogs { get; init; } = ImmutableDictionary<(string Agent, string Database), string>.Empty;
    }

    public sealed record Registered(string Id, string Kind) : Known(Id);

    public sealed record Retired(string Id) : Known(Id);

    public static Resource Evolve(Resource state, IEvent e) => (state, e) switch
    {
        (None or Known, ResourceRegistered r) => new Registered(r.Resource, r.Kind) { Masking = MaskingOf(state), Catalogs = CatalogsOf(state) },
        (Registered, ResourceRetired r) => new Retired(r.Resource) { Masking = MaskingOf(state), Catalogs = CatalogsOf(state) },
        (Registered r, ResourceMaskingReported found) => r with { Masking = r.Masking.With(found) },
        (Registered r, ResourceMaskingOrdered ordered) => r with { Masking = r.Masking.With(ordered) },
        (Registered r, ResourceCatalogReported found) => r with { Catalogs = r.Catalogs.SetItem((found.Agent, found.Database), found.Hash) },
        _ => throw new InvalidOperationException($"`{e?.GetType().Name}` cannot happen to a resource that is {state?.GetType().Name}"),
    };

    private static ImmutableDictionary<(string Agent, string Database), string> CatalogsOf(Resource state) =>
        (state as Known)?.Catalogs ?? ImmutableDictionary<(string Agent, string Database), string>.Empty;

    private static ResourceMasking MaskingOf(Resource state) => (state as Known)?.Masking ?? ResourceMasking.Nothing;
}

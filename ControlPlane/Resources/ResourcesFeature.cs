using AccessPlane.ControlPlane.EventStore;
using FluentValidation;

namespace AccessPlane.ControlPlane.Resources;

public static class ResourcesFeature
{
    public static IServiceCollection AddResources(this IServiceCollection services)
    {
        services.AddSingleton<MaskingSource>();
        services.AddSingleton<WhenMaskingReported>();
        services.AddSingleton<CatalogSource>();
        services.AddSingleton<WhenCatalogReported>();
        services.AddSingleton<IValidator<ApplyMaskingBody>, ApplyMaskingBody.Rules>();
        return services.AddSubscription<WhenPolicyPublished>();
    }

    public static IEndpointRouteBuilder MapResources(this IEndpointRouteBuilder routes)
    {
        GetMasking.Map(routes);
        ApplyMasking.Map(routes);
        ListResources.Map(routes);
        return routes;
    }
}

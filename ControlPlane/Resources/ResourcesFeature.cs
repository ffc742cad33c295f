using AccessPlane.ControlPlane.EventStore;

namespace AccessPlane.ControlPlane.Resources;

public static class ResourcesFeature
{
    public static IServiceCollection AddResources(this IServiceCollection services)
    {
        return services.AddSubscription<WhenPolicyPublished>();
    }

    public static IEndpointRouteBuilder MapResources(this IEndpointRouteBuilder routes)
    {
        return routes;
    }
}

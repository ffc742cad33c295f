namespace AccessPlane.ControlPlane.Resources;

public static class ResourcesFeature
{
    public static IServiceCollection AddResources(this IServiceCollection services)
    {
        return services;
    }

    public static IEndpointRouteBuilder MapResources(this IEndpointRouteBuilder routes)
    {
        return routes;
    }
}

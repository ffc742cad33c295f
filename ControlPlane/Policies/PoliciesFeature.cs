namespace AccessPlane.ControlPlane.Policies;

public static class PoliciesFeature
{
    public static IServiceCollection AddPolicies(this IServiceCollection services)
    {
        services.AddSingleton<PolicySource>();
        services.AddSingleton<CircumstancesSource>();
        return services.AddSingleton<PublishPolicy>();
    }

    public static IEndpointRouteBuilder MapPolicies(this IEndpointRouteBuilder routes)
    {
        return routes;
    }
}

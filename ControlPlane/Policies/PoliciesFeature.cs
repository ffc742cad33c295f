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
        PublishPolicy.Map(routes);
        ValidatePolicy.Map(routes);
        GetPolicy.Map(routes);
        return routes;
    }
}

using AccessPlane.ControlPlane.Http;

namespace AccessPlane.ControlPlane.Policies;

public static class PoliciesFeature
{
    public static IServiceCollection AddPolicies(this IServiceCollection services)
    {
        services.AddSingleton<PolicySource>();
        services.AddSingleton<PolicyVersions>();
        services.AddSingleton<CircumstancesSource>();
        services.AddSingleton<WhatIfReplay>();
        services.AddSingleton<WhatIf>();
        services.AddSingleton<IReadiness, PolicyIsLoaded>();
        return services.AddSingleton<PublishPolicy>();
    }

    public static IEndpointRouteBuilder MapPolicies(this IEndpointRouteBuilder routes)
    {
        PublishPolicy.Map(routes);
        ValidatePolicy.Map(routes);
        WhatIf.Map(routes);
        GetPolicy.Map(routes);
        return routes;
    }
}

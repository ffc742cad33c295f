namespace AccessPlane.ControlPlane.Grants;

public static class GrantsFeature
{
    public static IServiceCollection AddGrants(this IServiceCollection services)
    {
        services.AddSingleton<OpenGrants>();
        services.AddSingleton<ServingAgents>();
        services.AddSingleton<ActivateGrant>();
        services.AddSingleton<ExtendGrant>();
        services.AddSingleton<SurrenderGrant>();
        services.AddSingleton<RevokeGrant>();
        services.AddSingleton<SettleReviewDebt>();
        return services.AddSingleton<IssueTicket>();
    }

    public static IEndpointRouteBuilder MapGrants(this IEndpointRouteBuilder routes)
    {
        return routes;
    }
}

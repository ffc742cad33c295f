namespace AccessPlane.ControlPlane.Agents;

public static class AgentsFeature
{
    public static IServiceCollection AddAgents(this IServiceCollection services) => services;

    public static IEndpointRouteBuilder MapAgents(this IEndpointRouteBuilder routes) => routes;
}

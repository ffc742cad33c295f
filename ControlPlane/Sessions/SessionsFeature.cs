namespace AccessPlane.ControlPlane.Sessions;

public static class SessionsFeature
{
    public static IServiceCollection AddSessions(this IServiceCollection services) => services;

    public static IEndpointRouteBuilder MapSessions(this IEndpointRouteBuilder routes) => routes;
}

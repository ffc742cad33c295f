namespace AccessPlane.ControlPlane.CommandLine;

/// <summary>What a command line must know before it can call anything.</summary>
public static class CommandLineFeature
{
    public static IServiceCollection AddCommandLine(this IServiceCollection services, IConfiguration configuration) =>
        services.AddSingleton(CommandLineOptions.Of(configuration));

    public static IEndpointRouteBuilder MapCommandLine(this IEndpointRouteBuilder routes)
    {
        GetSignIn.Map(routes);
        return routes;
    }
}

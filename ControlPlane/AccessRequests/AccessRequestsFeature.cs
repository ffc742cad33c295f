namespace AccessPlane.ControlPlane.AccessRequests;

public static class AccessRequestsFeature
{
    public static IServiceCollection AddAccessRequests(this IServiceCollection services)
    {
        services.AddSingleton<OpenRequests>();
        services.AddSingleton<SubmitRequest>();
        services.AddSingleton<ReviewRequest>();
        services.AddSingleton<CancelRequest>();
        return services.AddSingleton<ImplicitLogin>();
    }

    public static IEndpointRouteBuilder MapAccessRequests(this IEndpointRouteBuilder routes)
    {
        return routes;
    }
}

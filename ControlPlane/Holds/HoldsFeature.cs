using AccessPlane.ControlPlane.EventStore;

namespace AccessPlane.ControlPlane.Holds;

/// <summary>Approval of one operation in flight.</summary>
public static class HoldsFeature
{
    public static IServiceCollection AddHolds(this IServiceCollection services)
    {
        services.AddSingleton<OpenHolds>();
        services.AddSingleton<WhenOperationHeld>();
        services.AddSingleton<AbandonHold>();
        services.AddSingleton<ReviewHold>();
        services.AddSingleton<HoldAnswers>();
        return services.AddSubscription<HoldDeadlines>();
    }

    public static IEndpointRouteBuilder MapHolds(this IEndpointRouteBuilder routes)
    {
        ListHolds.Map(routes);
        GetHold.Map(routes);
        ReviewHold.Map(routes);
        return routes;
    }
}

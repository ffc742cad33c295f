using AccessPlane.ControlPlane.EventStore;
using FluentValidation;

namespace AccessPlane.ControlPlane.Locks;

public static class LocksFeature
{
    public static IServiceCollection AddLocks(this IServiceCollection services)
    {
        services.AddSingleton<IValidator<LockBody>, LockBody.Rules>();
        services.AddSingleton<IValidator<ClosureBody>, ClosureBody.Rules>();
        services.AddSingleton<LockSource>();
        services.AddSingleton<PlaceLock>();
        services.AddSingleton<CloseEverything>();
        services.AddSingleton<LiftLock>();
        return services.AddSubscription<LockDeadlines>();
    }

    public static IEndpointRouteBuilder MapLocks(this IEndpointRouteBuilder routes)
    {
        PlaceLock.Map(routes);
        CloseEverything.Map(routes);
        LiftLock.Map(routes);
        ListLocks.Map(routes);
        GetLock.Map(routes);
        return routes;
    }
}

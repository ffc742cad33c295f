using AccessPlane.ControlPlane.EventStore;
using FluentValidation;

namespace AccessPlane.ControlPlane.AccessRequests;

public static class AccessRequestsFeature
{
    public static IServiceCollection AddAccessRequests(this IServiceCollection services)
    {
        services.AddSingleton<IValidator<SubmitBody>, SubmitBody.Rules>();
        services.AddSingleton<IValidator<ReviewBody>, ReviewBody.Rules>();
        services.AddSingleton<OpenRequests>();
        services.AddSingleton<RequestSeries>();
        services.AddSingleton<SubmitRequest>();
        services.AddSingleton<ReviewRequest>();
        services.AddSingleton<CancelRequest>();
        services.AddSingleton<RequestAnswers>();
        services.AddSingleton<ImplicitLogin>();
        services.AddSingleton<CloseRequests>();
        services.AddSubscription<WhenWorldChanges>();
        return services.AddSubscription<RequestDeadlines>();
    }

    public static IEndpointRouteBuilder MapAccessRequests(this IEndpointRouteBuilder routes)
    {
        SubmitRequest.Map(routes);
        ReviewRequest.Map(routes);
        CancelRequest.Map(routes);
        ListRequests.Map(routes);
        GetRequest.Map(routes);
        return routes;
    }
}

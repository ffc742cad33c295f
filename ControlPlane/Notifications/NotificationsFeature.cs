using AccessPlane.ControlPlane.Broker;
using AccessPlane.ControlPlane.EventStore;
using FluentValidation;
using Microsoft.Extensions.Options;

namespace AccessPlane.ControlPlane.Notifications;

/// <summary>Approvers by queue: notifications out, reviews in.</summary>
public static class NotificationsFeature
{
    internal const string Outwards = "notifications";
    internal const string Inwards = "reviews";

    public static IServiceCollection AddNotifications(this IServiceCollection services)
    {
        // two connections: a broker that blocks publishers while it is short of memory still delivers
        foreach (var way in (string[])[Outwards, Inwards])
        {
            services.AddKeyedSingleton(way, (s, _) => new AmqpConnection(s.GetRequiredService<IOptions<BrokerOptions>>(), way));
        }
        services.AddSingleton<IValidator<ApproverBody>, ApproverBody.Rules>();
        services.AddSingleton<AddApprover>();
        services.AddSingleton<TakeReview>();
        services.AddSingleton<TakeVouchedReview>();
        services.AddHostedService<ReviewsByQueue>();
        services.AddTransient<Announcer>();
        services.AddSubscription<WhenHoldNeedsReview>();
        return services.AddSubscription<WhenReviewIsNeeded>();
    }

    public static IEndpointRouteBuilder MapNotifications(this IEndpointRouteBuilder routes)
    {
        AddApprover.Map(routes);
        RemoveApprover.Map(routes);
        return routes;
    }
}

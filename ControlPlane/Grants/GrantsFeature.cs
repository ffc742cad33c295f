using AccessPlane.ControlPlane.EventStore;
using FluentValidation;

namespace AccessPlane.ControlPlane.Grants;

public static class GrantsFeature
{
    public static IServiceCollection AddGrants(this IServiceCollection services)
    {
        services.AddSingleton<IValidator<RevokeBody>, RevokeBody.Rules>();
        services.AddSingleton<IValidator<SettleBody>, SettleBody.Rules>();
        services.AddSingleton<IValidator<ExtendBody>, ExtendBody.Rules>();
        services.AddSingleton<IValidator<TicketBody>, TicketBody.Rules>();
        services.AddSingleton<OpenGrants>();
        services.AddSingleton<ReviewsOwed>();
        services.AddSingleton<ServingAgents>();
        services.AddSingleton<ActivateGrant>();
        services.AddSingleton<ExtendGrant>();
        services.AddSingleton<SurrenderGrant>();
        services.AddSingleton<RevokeGrant>();
        services.AddSingleton<SettleReviewDebt>();
        services.AddSingleton<GrantAnswers>();
        services.AddSingleton<IssueTicket>();
        services.AddSingleton<NarrowGrants>();
        services.AddSubscription<WhenRequestApproved>();
        services.AddSubscription<WhenWorldChanges>();
        return services.AddSubscription<GrantDeadlines>();
    }

    public static IEndpointRouteBuilder MapGrants(this IEndpointRouteBuilder routes)
    {
        ActivateGrant.Map(routes);
        ExtendGrant.Map(routes);
        SurrenderGrant.Map(routes);
        RevokeGrant.Map(routes);
        SettleReviewDebt.Map(routes);
        IssueTicket.Map(routes);
        ListGrants.Map(routes);
        GetGrant.Map(routes);
        return routes;
    }
}

namespace AccessPlane.ControlPlane.Audit;

/// <summary>What happened, for whoever has to answer for it.</summary>
public static class AuditFeature
{
    public static IServiceCollection AddAudit(this IServiceCollection services)
    {
        services.AddSingleton<SearchEvents>();
        services.AddSingleton<SearchesAreRecorded>();
        services.AddSingleton<ExplainOperation>();
        services.AddSingleton<GetFigures>();
        return services.AddSingleton<SearchOperations>();
    }

    public static IEndpointRouteBuilder MapAudit(this IEndpointRouteBuilder routes)
    {
        SearchEvents.Map(routes);
        SearchOperations.Map(routes);
        ExplainOperation.Map(routes);
        GetAccess.Map(routes);
        GetFigures.Map(routes);
        ListProjections.Map(routes);
        RebuildProjection.Map(routes);
        return routes;
    }
}

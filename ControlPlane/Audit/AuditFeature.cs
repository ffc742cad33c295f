using AccessPlane.ControlPlane.AccessRequests;
using AccessPlane.ControlPlane.Agents;
using AccessPlane.ControlPlane.Grants;
using AccessPlane.ControlPlane.Locks;
using AccessPlane.ControlPlane.Resources;
using AccessPlane.ControlPlane.Sessions;

namespace AccessPlane.ControlPlane.Audit;

/// <summary>Everything that is only read.</summary>
public static class AuditFeature
{
    public static IServiceCollection AddAudit(this IServiceCollection services)
    {
        services.AddSingleton<SearchEvents>();
        services.AddSingleton<ExplainOperation>();
        return services.AddSingleton<SearchOperations>();
    }

    public static IEndpointRouteBuilder MapAudit(this IEndpointRouteBuilder routes)
    {
        ListRequests.Map(routes);
        GetRequest.Map(routes);
        ListGrants.Map(routes);
        GetGrant.Map(routes);
        ListSessions.Map(routes);
        GetSession.Map(routes);
        ListAgents.Map(routes);
        ListResources.Map(routes);
        ListLocks.Map(routes);
        SearchEvents.Map(routes);
        SearchOperations.Map(routes);
        ExplainOperation.Map(routes);
        GetAccess.Map(routes);
        ListProjections.Map(routes);
        RebuildProjection.Map(routes);
        return routes;
    }
}

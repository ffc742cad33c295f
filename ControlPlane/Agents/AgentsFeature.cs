using AccessPlane.ControlPlane.Broker;
using AccessPlane.ControlPlane.EventStore;
using AccessPlane.ControlPlane.Grants;

namespace AccessPlane.ControlPlane.Agents;

/// <summary>The agents: how they come in, what they are told, what they say, and whether they are there.</summary>
public static class AgentsFeature
{
    public static IServiceCollection AddAgents(this IServiceCollection services)
    {
        services.AddSingleton(s => new SigningKeys(s.GetRequiredService<IConfiguration>()["Keys:Path"] ?? "keys"));
        services.AddSingleton(s => new LogEpoch(s.GetRequiredService<IConfiguration>().GetValue<long?>("Log:Epoch") ?? 1));
        services.AddSingleton<Enrolments>().AddSingleton<AgentStateBuilder>().AddSingleton<AgentKeys>();
        services.AddSingleton<AgentTable>().AddSingleton<AgentLine>().AddSingleton<AnswerLease>().AddSingleton<AnswerCatchUp>();
        services.AddSingleton<AgentAcks>().AddSingleton<LoginDesk>();
        services.AddSingleton<AgentAcknowledged>(s => s.GetRequiredService<AgentAcks>().WaitFor);
        services.AddHostedService(s => s.GetRequiredService<AgentAcks>());
        services.AddHostedService(s => s.GetRequiredService<LoginDesk>());
        services.AddHostedService<AgentWatch>();
        services.AddSubscription<WhenAgentsMustKnow>();
        return services.AddBrokerConsumer<WhenReportArrives>(Topology.Reports, endpoint =>
        {
            // sessions go side by side; each agent has one segment of a session under way at a time
            endpoint.ConcurrentMessageLimit = 16;
            endpoint.PrefetchCount = 32;
        });
    }

    public static IEndpointRouteBuilder MapAgents(this IEndpointRouteBuilder routes)
    {
        InviteAgent.Map(routes);
        EnrolAgent.Map(routes);
        RetireAgent.Map(routes);
        return routes;
    }
}

using AccessPlane.ControlPlane.Broker;
using AccessPlane.ControlPlane.EventStore;
using AccessPlane.ControlPlane.Grants;
using AccessPlane.ControlPlane.History;
using AccessPlane.ControlPlane.Http;
using AccessPlane.ControlPlane.Keys;
using AccessPlane.ControlPlane.Sessions;
using FluentValidation;
using MassTransit;

namespace AccessPlane.ControlPlane.Agents;

/// <summary>The agents: how they come in, what they are told, what they say, and whether they are there.</summary>
public static class AgentsFeature
{
    public static IServiceCollection AddAgents(this IServiceCollection services)
    {
        services.AddSingleton<IValidator<RetireAgentBody>, RetireAgentBody.Rules>().AddSingleton<IValidator<AgentKeyRotationBody>, AgentKeyRotationBody.Rules>();
        services.AddSingleton<Enrolments>().AddSingleton<AgentStateBuilder>().AddSingleton<AgentKeys>();
        services.AddSingleton<AgentTable>().AddSingleton(s => new AgentLine(
            s.GetRequiredService<OrderLine>().Send, s.GetRequiredService<SigningKeys>(), s.GetRequiredService<LogHistories>().Telling, s.GetRequiredService<TimeProvider>()));
        services.AddSingleton<OwnLease>().AddSingleton<AnswerLease>().AddSingleton<AnswerCatchUp>().AddSingleton<AnswerSpoolKeys>().AddSingleton<RotateAgentKey>();
        services.AddSingleton<AgentAcks>().AddSingleton<LoginDesk>();
        services.AddSingleton<AgentAcknowledged>(s => s.GetRequiredService<AgentAcks>().WaitFor);
        services.AddHostedService(s => s.GetRequiredService<AgentAcks>());
        services.AddHostedService(s => s.GetRequiredService<LoginDesk>());
        services.AddHostedService<AgentWatch>();
        services.AddSingleton<IReadiness, AgentsAreSingle>();
        services.AddSubscription<WhenAgentsMustKnow>();
        services.AddSingleton<MessageTooLarge>(s => (exchange, bytes, cancel) => Topology.AgentOf(exchange) is { } agent
            ? s.GetRequiredService<RecordFinding>().Unusable(agent, $"a message of {bytes} bytes is larger than any that an agent makes", cancel)
            : Task.CompletedTask);
        return services.AddBrokerConsumer<WhenReportArrives>(Topology.Reports, endpoint =>
        {
            // sessions go side by side; each agent has one segment of a session under way at a time
            endpoint.ConcurrentMessageLimit = 16;
            endpoint.PrefetchCount = 32;
            // a log that is away comes back; everything else goes aside at once
            endpoint.UseMessageRetry(retry =>
            {
                retry.Handle<Exception>(WhenReportArrives.MayPass);
                retry.Interval(600, TimeSpan.FromSeconds(1));
            });
        });
    }

    public static IEndpointRouteBuilder MapAgents(this IEndpointRouteBuilder routes)
    {
        InviteAgent.Map(routes);
        EnrolAgent.Map(routes);
        RetireAgent.Map(routes);
        RotateAgentKey.Map(routes);
        ListAgents.Map(routes);
        return routes;
    }
}

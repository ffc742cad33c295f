using AccessPlane.Contracts.Messages;
using MassTransit;

namespace AccessPlane.Agent.Directives;

/// <summary>
/// The agent's one queue in, and one exchange out. Its broker user may touch nothing else: so no fault is published, no temporary
/// endpoint is made, and messages that cannot be read are dropped (the positions show what is missing).
/// Two connections: RabbitMQ stops reading from one that publishes while its memory or its disk runs out, the acknowledgements of what was consumed
/// included. On the one for orders nothing is ever published, so that a revocation comes through.
/// </summary>
internal static partial class Broker
{
    /// <summary>So long the broker may take over an answer, while it chooses a queue's leader or starts on a slow disk: who does not wait for it is never told again.</summary>
    private static readonly TimeSpan Answers = TimeSpan.FromMinutes(5);

    public static string QueueOf(string agent) => $"accessplane.agent.{agent}";

    public static Uri ReportsOf(string agent) => new($"exchange:accessplane.agent.{agent}.reports?type=fanout");

    public static IServiceCollection AddBroker(this IServiceCollection services, Enrolment enrolment)
    {
        services.Configure<MassTransitHostOptions>(o =>
        {
            o.WaitUntilStarted = false; // the broker may be down when the agent starts: it waits frozen, it does not die
            o.StopTimeout = TimeSpan.FromSeconds(5);
        });
        services.AddSingleton(s => new ReportLine(s, enrolment, s.GetRequiredService<TimeProvider>(), s.GetRequiredService<ILogger<ReportLine>>())).AddHostedService(s => s.GetRequiredService<ReportLine>());
        return services.AddMassTransit(bus =>
        {
            bus.DisableUsageTelemetry(); // an agent talks with its control plane and its resource, and with nobody else
            bus.AddConsumer<DirectiveConsumer>();
            bus.UsingRabbitMq((context, broker) =>
            {
                Host(context, broker, enrolment, context.GetRequiredService<IHostApplicationLifetime>().ApplicationStopping);
                broker.ReceiveEndpoint(QueueOf(enrolment.Agent), endpoint =>
                {
                    endpoint.SetQuorumQueue();
                    endpoint.ConfigureConsumeTopology = false;
                    endpoint.PublishFaults = false;
                    endpoint.DiscardFaultedMessages();
                    endpoint.DiscardSkippedMessages();
                    // INVARIANT: one after the other, in the queue's order
                    endpoint.ConcurrentMessageLimit = 1;
                    endpoint.PrefetchCount = 64;
                    endpoint.ConfigureReceive(pipe => pipe.UseFilter(new DirectiveSize()));
                    endpoint.ConfigureConsumer<DirectiveConsumer>(context);
                });
            });
        });
    }

    internal static void Host(IServiceProvider services, IRabbitMqBusFactoryConfigurator broker, Enrolment enrolment, CancellationToken stopping) => broker.Host(new Uri(enrolment.BrokerUri), host =>
    {
        host.Username(enrolment.BrokerUser);
        host.Password(enrolment.BrokerPassword);
        host.MaxMessageSize(DirectiveSize.LargestOfAnyBroker);
        host.ContinuationTimeout(Answers);
        var log = services.GetRequiredService<ILogger<DirectiveConsumer>>();
        host.OnRefreshConnectionFactory = connections => BrokerDoor.Opens(
            async cancel => await (await connections.CreateConnectionAsync(cancel)).DisposeAsync(), why => LogNotLetIn(log, why.GetBaseException().Message), TimeProvider.System, stopping);
    });

    [LoggerMessage(Level = LogLevel.Warning, Message = "waiting for the broker to let this agent in: {Why}")]
    private static partial void LogNotLetIn(ILogger log, string why);

    internal sealed class DirectiveConsumer(WhenDirectiveArrives when, TimeProvider clock) : IConsumer<Directive>
    {
        public Task Consume(ConsumeContext<Directive> context)
        {
            when.Take(context.Message, clock.GetTimestamp());
            return Task.CompletedTask;
        }
    }
}

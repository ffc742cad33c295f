using AccessPlane.Contracts.Messages;
using AccessPlane.ControlPlane.Http;
using MassTransit;
using MassTransit.Configuration;
using Microsoft.Extensions.Options;

namespace AccessPlane.ControlPlane.Broker;

/// <summary>RabbitMQ: MassTransit to and from agents, plain AMQP for approvers, the management API for users and queues.</summary>
public static partial class BrokerFeature
{
    /// <summary>So long the broker may take over an answer, while it chooses a queue's leader or starts on a slow disk: who does not wait for it is never told again.</summary>
    private static readonly TimeSpan Answers = TimeSpan.FromMinutes(5);

    public static IServiceCollection AddBroker(this IServiceCollection services, IConfiguration configuration)
    {
        ArgumentNullException.ThrowIfNull(configuration);
        services.AddOptions<BrokerOptions>().Configure(o => configuration.Part("Broker", o))
            .Validate(o => IsUri(o.Uri, "amqp", "amqps"), "Broker:Uri must be an amqp:// or amqps:// address")
            .Validate(o => IsUri(o.ManagementUri, "http", "https"), "Broker:ManagementUri must be an http:// or https:// address")
            .Validate(o => IsUri(o.AgentUri, "amqp", "amqps"), "Broker:AgentUri must be an amqp:// or amqps:// address")
            // every agent and every approver is told it
            .Validate(o => !Uri.TryCreate(o.AgentUri, UriKind.Absolute, out var told) || told.UserInfo.Length == 0, "Broker:AgentUri must hold no user and no password: each agent is given its own")
            .ValidateOnStart();
        services.AddSingleton<BrokerAdmin>();
        services.AddHostedService<DeclareTopology>();
        // a control plane without its broker still answers: it says that it is not ready, and connects when it can. Nothing is lost by not waiting:
        // DeclareTopology and BrokerAdmin make every queue before something is sent to it, and agents catch up by position.
        services.Configure<MassTransitHostOptions>(o =>
        {
            o.WaitUntilStarted = false;
            o.StopTimeout = TimeSpan.FromSeconds(10);
        });
        // RabbitMQ stops reading from a connection that publishes while its memory or its disk runs out, the acknowledgements of what was consumed
        // included: on one for both the queue of reports, which may be what fills it, would never empty
        services.AddSingleton<OrderLine>().AddHostedService(s => s.GetRequiredService<OrderLine>());
        return services.AddMassTransit(bus =>
        {
            bus.DisableUsageTelemetry(); // nothing is reported to anybody
            bus.UsingRabbitMq(Configure);
        });
    }

    /// <summary>A feature's consumer of a durable quorum queue, with an exchange of the same name. May be called before or after AddBroker.</summary>
    public static IServiceCollection AddBrokerConsumer<TConsumer>(
        this IServiceCollection services, string queue, Action<IRabbitMqReceiveEndpointConfigurator>? configure = null)
        where TConsumer : class, IConsumer
    {
        services.RegisterConsumer<TConsumer>();
        return services.AddSingleton(new BrokerConsumer(queue, (context, endpoint) =>
        {
            configure?.Invoke(endpoint);
            endpoint.ConfigureConsumer<TConsumer>(context);
        }));
    }

    internal static void Host(IServiceProvider services, IRabbitMqBusFactoryConfigurator rabbit, CancellationToken stopping)
    {
        // its own log context is global and dies with the first host of a process
        LogContext.ConfigureCurrentLogContext(services.GetRequiredService<ILoggerFactory>());
        var log = services.GetRequiredService<ILogger<DeclareTopology>>();
        rabbit.Host(new Uri(services.GetRequiredService<IOptions<BrokerOptions>>().Value.Uri), host =>
        {
            host.MaxMessageSize(MessageSize.LargestOfAnyBroker);
            host.ContinuationTimeout(Answers);
            host.OnRefreshConnectionFactory = connections => BrokerDoor.Opens(
                async cancel => await (await connections.CreateConnectionAsync(cancel)).DisposeAsync(), why => LogNotLetIn(log, why.GetBaseException().Message), TimeProvider.System, stopping);
        });
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "waiting for the broker to let this control plane in: {Why}")]
    private static partial void LogNotLetIn(ILogger log, string why);

    private static void Configure(IBusRegistrationContext context, IRabbitMqBusFactoryConfigurator rabbit)
    {
        Host(context, rabbit, context.GetRequiredService<IHostApplicationLifetime>().ApplicationStopping);
        foreach (var consumer in context.GetServices<BrokerConsumer>())
        {
            rabbit.ReceiveEndpoint(consumer.Queue, endpoint =>
            {
                endpoint.SetQuorumQueue();
                endpoint.ConfigureConsumeTopology = false;
                endpoint.PublishFaults = false; // nobody listens: what failed lies in the queue beside
                endpoint.ConfigureReceive(pipe => pipe.UseFilter(new MessageSize(context.GetService<MessageTooLarge>())));
                consumer.Configure(context, endpoint);
            });
        }
    }

    private static bool IsUri(string text, params string[] schemes) => Uri.TryCreate(text, UriKind.Absolute, out var uri) && schemes.Contains(uri.Scheme);
}

internal sealed record BrokerConsumer(string Queue, Action<IBusRegistrationContext, IRabbitMqReceiveEndpointConfigurator> Configure);

using MassTransit;
using MassTransit.Configuration;

namespace AccessPlane.ControlPlane.Broker;

/// <summary>RabbitMQ through MassTransit.</summary>
public static class BrokerFeature
{
    public static IServiceCollection AddBroker(this IServiceCollection services, IConfiguration configuration)
    {
        ArgumentNullException.ThrowIfNull(configuration);
        services.AddOptions<BrokerOptions>().Bind(configuration.GetSection("Broker"));
        services.AddMassTransit(bus => bus.UsingRabbitMq((context, rabbit) =>
        {
            rabbit.Host(new Uri(configuration["Broker:Uri"] ?? "amqp://guest:guest@127.0.0.1:5672/"));
            foreach (var consumer in context.GetServices<BrokerConsumer>())
            {
                rabbit.ReceiveEndpoint(consumer.Queue, endpoint =>
                {
                    endpoint.SetQuorumQueue();
                    endpoint.ConfigureConsumeTopology = false;
                    consumer.Configure(context, endpoint);
                });
            }
        }));
        return services;
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
}

internal sealed record BrokerConsumer(string Queue, Action<IBusRegistrationContext, IRabbitMqReceiveEndpointConfigurator> Configure);

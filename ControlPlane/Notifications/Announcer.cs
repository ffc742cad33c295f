using System.Text.Json;
using AccessPlane.Contracts;
using AccessPlane.ControlPlane.Broker;
using RabbitMQ.Client;

namespace AccessPlane.ControlPlane.Notifications;

/// <summary>Publishes notifications, one after the other. Each subscription has its own.</summary>
public sealed class Announcer([FromKeyedServices(NotificationsFeature.Outwards)] AmqpConnection broker)
{
    private IChannel? channel;

    /// <summary>Completes when the broker confirmed.</summary>
    public async Task Publish(string key, object body, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(body);
        if (channel is not { IsOpen: true })
        {
            var connection = await broker.Open(cancel);
            channel = await connection.CreateChannelAsync(
                new CreateChannelOptions(publisherConfirmationsEnabled: true, publisherConfirmationTrackingEnabled: true), cancel);
            await channel.ExchangeDeclareAsync(Topology.Notifications, ExchangeType.Topic, durable: true, autoDelete: false, cancellationToken: cancel);
        }
        // not mandatory: a group that nobody listens for reviews by REST
        await channel.BasicPublishAsync(
            Topology.Notifications, key, mandatory: false, new BasicProperties { ContentType = "application/json", Persistent = true },
            JsonSerializer.SerializeToUtf8Bytes(body, body.GetType(), Json.Options), cancel);
    }
}

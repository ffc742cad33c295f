using System.Collections.Concurrent;
using System.Text.Json;
using AccessPlane.Contracts;
using AccessPlane.Contracts.Messages;
using RabbitMQ.Client;
using RabbitMQ.Client.Events;

namespace AccessPlane.Tests.EndToEnd.Faults.World;

/// <summary>Hears every directive that is sent to the agent, beside the agent.</summary>
internal sealed class Tap : IAsyncDisposable
{
    private static readonly string[] Answers =
        [DirectiveKinds.State, DirectiveKinds.Lease, DirectiveKinds.SegmentAccepted, DirectiveKinds.SegmentRefused, DirectiveKinds.LoginAnswer, DirectiveKinds.SpoolKey];

    private readonly ConcurrentQueue<Directive> heard = [];
    private readonly IConnection connection;
    private readonly IChannel channel;

    private Tap(IConnection connection, IChannel channel) => (this.connection, this.channel) = (connection, channel);

    /// <summary>Orders alone: each has a place in the log. In the order in which they came.</summary>
    public IReadOnlyList<Directive> Orders => [.. heard.Where(d => !Answers.Contains(d.Kind))];

    public static async Task<Tap> On(Product product)
    {
        var connection = await new ConnectionFactory { Uri = product.Broker.Address }.CreateConnectionAsync();
        var channel = await connection.CreateChannelAsync();
        var tap = new Tap(connection, channel);
        var queue = await channel.QueueDeclareAsync(exclusive: true);
        await channel.QueueBindAsync(queue.QueueName, $"accessplane.agent.{Product.AgentId}", "");
        var consumer = new AsyncEventingBasicConsumer(channel);
        consumer.ReceivedAsync += (_, delivery) =>
        {
            using var envelope = JsonDocument.Parse(delivery.Body);
            tap.heard.Enqueue(envelope.RootElement.GetProperty("message").Deserialize<Directive>(Json.Options)!);
            return Task.CompletedTask;
        };
        await channel.BasicConsumeAsync(queue.QueueName, autoAck: true, consumer);
        return tap;
    }

    public async ValueTask DisposeAsync()
    {
        await channel.DisposeAsync();
        await connection.DisposeAsync();
    }
}

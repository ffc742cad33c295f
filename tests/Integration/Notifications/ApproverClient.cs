using System.Collections.Concurrent;
using System.Text;
using System.Text.Json;
using RabbitMQ.Client;
using RabbitMQ.Client.Events;
using Xunit;

namespace AccessPlane.Tests.Integration.Notifications;

/// <summary>A real approver's client: knows AMQP and JSON, and nothing of ours.</summary>
internal sealed class ApproverClient : IAsyncDisposable
{
    private readonly IConnection connection;
    private readonly IChannel channel;
    private readonly BlockingCollection<(string Key, JsonElement Body)> inbox = [];
    private readonly ConcurrentDictionary<string, TaskCompletionSource<JsonElement>> waiting = new();
    private readonly string replies;

    private ApproverClient(IConnection connection, IChannel channel, string replies) => (this.connection, this.channel, this.replies) = (connection, channel, replies);

    /// <param name="queue">The queue that the control plane made for the client; null for one that the broker names, for who may bind it.</param>
    /// <param name="groups">Whose notifications it wants.</param>
    public static async Task<ApproverClient> Connect(string amqp, string? queue, params string[] groups)
    {
        var connection = await new ConnectionFactory { Uri = new Uri(amqp) }.CreateConnectionAsync(TestContext.Current.CancellationToken);
        var channel = await connection.CreateChannelAsync(new CreateChannelOptions(publisherConfirmationsEnabled: true, publisherConfirmationTrackingEnabled: true));
        var inbox = queue ?? (await channel.QueueDeclareAsync("", durable: false, exclusive: true, autoDelete: true)).QueueName;
        var replies = (await channel.QueueDeclareAsync(queue is null ? "" : $"{queue}.replies", durable: false, exclusive: true, autoDelete: true)).QueueName;
        var client = new ApproverClient(connection, channel, replies);
        foreach (var group in queue is null ? groups : [])
        {
            await channel.QueueBindAsync(inbox, "accessplane.notifications", $"request.submitted.{group}");
            await channel.QueueBindAsync(inbox, "accessplane.notifications", $"request.decided.{group}");
            await channel.QueueBindAsync(inbox, "accessplane.notifications", $"hold.*.{group}");
        }
        await client.Listen(inbox, (key, _, body) => client.inbox.Add((key, body)));
        await client.Listen(replies, (_, correlation, body) =>
        {
            if (client.waiting.TryRemove(correlation ?? "", out var waiting))
            {
                waiting.SetResult(body);
            }
        });
        return client;
    }

    /// <summary>The next notification of a request; those of other tests' requests are passed over.</summary>
    public (string Key, JsonElement Body) Next(Guid request)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        limit.CancelAfter(TimeSpan.FromSeconds(90));
        foreach (var notification in inbox.GetConsumingEnumerable(limit.Token))
        {
            if (notification.Body.GetProperty("id").GetGuid() == request)
            {
                return notification;
            }
        }
        throw new InvalidOperationException("the inbox was closed");
    }

    /// <summary>Sends a review and waits for its outcome.</summary>
    public Task<JsonElement> Send(object review, string exchange = "accessplane.reviews") =>
        Send(Encoding.UTF8.GetBytes(review as string ?? JsonSerializer.Serialize(review)), exchange);

    public async Task<JsonElement> Send(byte[] body, string exchange = "accessplane.reviews")
    {
        var correlation = Guid.CreateVersion7().ToString();
        var answer = waiting[correlation] = new TaskCompletionSource<JsonElement>(TaskCreationOptions.RunContinuationsAsynchronously);
        await Publish(body, exchange, exchange.Length == 0 ? "accessplane.reviews" : "", replies, correlation);
        return await answer.Task.WaitAsync(TimeSpan.FromSeconds(90), TestContext.Current.CancellationToken);
    }

    /// <summary>Sends without waiting for an answer.</summary>
    public async Task Publish(byte[] body, string exchange, string key, string? replyTo, string? correlation) => await channel.BasicPublishAsync(
        exchange, key, mandatory: true, new BasicProperties { ReplyTo = replyTo, CorrelationId = correlation, ContentType = "application/json" }, body,
        TestContext.Current.CancellationToken);

    public async ValueTask DisposeAsync()
    {
        await channel.DisposeAsync();
        await connection.DisposeAsync();
        inbox.Dispose();
    }

    private async Task Listen(string queue, Action<string, string?, JsonElement> take)
    {
        var consumer = new AsyncEventingBasicConsumer(channel);
        consumer.ReceivedAsync += (_, delivery) =>
        {
            take(delivery.RoutingKey, delivery.BasicProperties.CorrelationId, JsonSerializer.Deserialize<JsonElement>(delivery.Body.Span));
            return Task.CompletedTask;
        };
        await channel.BasicConsumeAsync(queue, autoAck: true, consumer);
    }
}

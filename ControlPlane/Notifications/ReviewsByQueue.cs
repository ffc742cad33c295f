using System.Text.Json;
using AccessPlane.Contracts;
using AccessPlane.ControlPlane.Broker;
using AccessPlane.ControlPlane.Http;
using Npgsql;
using RabbitMQ.Client;
using RabbitMQ.Client.Events;

namespace AccessPlane.ControlPlane.Notifications;

/// <summary>
/// Consumes the queue of reviews. Every message is answered and acknowledged once, whatever it is: only while the log cannot be reached does it
/// wait, unacknowledged. What fails for a reason of our own goes to a queue beside, so that nothing is lost and nothing loops.
/// </summary>
public sealed partial class ReviewsByQueue(
    [FromKeyedServices(NotificationsFeature.Inwards)] AmqpConnection broker, TakeReview take, TimeProvider clock, ILogger<ReviewsByQueue> log)
    : BackgroundService
{
    private const ushort Prefetch = 4;
    private static readonly TimeSpan FirstPause = TimeSpan.FromMilliseconds(250);
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(5);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        var pause = FirstPause;
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                var connection = await broker.Open(stoppingToken);
                await using var channel = await connection.CreateChannelAsync(cancellationToken: stoppingToken);
                await using var answers = await connection.CreateChannelAsync(
                    new CreateChannelOptions(publisherConfirmationsEnabled: true, publisherConfirmationTrackingEnabled: true), stoppingToken);
                pause = FirstPause;
                await Consume(channel, answers, stoppingToken);
            }
            catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
            {
                return;
            }
            // whatever it is, the queue must be consumed again: nobody else does
            catch (Exception failure)
            {
                LogLost(failure);
            }
            await Task.Delay(pause, clock, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            pause = pause * 2 < LongestPause ? pause * 2 : LongestPause;
        }
    }

    /// <summary>Returns when the channel is closed, by whichever side.</summary>
    private async Task Consume(IChannel channel, IChannel answers, CancellationToken stopping)
    {
        var closed = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        Task Close()
        {
            closed.TrySetResult();
            return Task.CompletedTask;
        }
        await Declare(channel, stopping);
        await channel.BasicQosAsync(0, Prefetch, false, stopping);
        var consumer = new AsyncEventingBasicConsumer(channel);
        channel.ChannelShutdownAsync += (_, _) => Close();
        answers.ChannelShutdownAsync += (_, _) => Close();
        consumer.UnregisteredAsync += (_, _) => Close();
        consumer.ReceivedAsync += async (_, delivery) =>
        {
            try
            {
                await Receive(delivery, channel, answers, stopping);
            }
            catch (Exception failure)
            {
                // not acknowledged: the message comes again on a new channel
                if (!stopping.IsCancellationRequested)
                {
                    LogLost(failure);
                }
                await Close();
            }
        };
        await channel.BasicConsumeAsync(Topology.Reviews, autoAck: false, consumer, stopping);
        using var stop = stopping.Register(() => closed.TrySetResult());
        await closed.Task;
    }

    private async Task Receive(BasicDeliverEventArgs delivery, IChannel channel, IChannel answers, CancellationToken stopping)
    {
        var correlation = Guid.TryParse(delivery.BasicProperties.CorrelationId, out var sent) ? sent : Guid.CreateVersion7();
        ReviewOutcome outcome;
        try
        {
            outcome = await Take(delivery.Body, correlation, stopping);
        }
        catch (Exception failure) when (!stopping.IsCancellationRequested)
        {
            LogFailed(correlation, failure);
            await answers.BasicPublishAsync(
                Topology.ReviewsInError, "", mandatory: true, new BasicProperties { Persistent = true, CorrelationId = $"{correlation:D}" }, delivery.Body, stopping);
            outcome = ReviewOutcome.Refused(null, new Refusal("internal", $"something went wrong here, not with your review; correlation id `{correlation:D}` finds it in the log"));
        }
        await Answer(delivery.BasicProperties, outcome, answers, stopping);
        await channel.BasicAckAsync(delivery.DeliveryTag, multiple: false, stopping);
    }

    /// <summary>While the log cannot be reached nobody can say what became of a review: it is tried until someone can. Its token expires meanwhile
    /// if that takes long, and then it is told so.</summary>
    private async Task<ReviewOutcome> Take(ReadOnlyMemory<byte> body, Guid correlation, CancellationToken stopping)
    {
        for (var pause = FirstPause; ; pause = pause * 2 < LongestPause ? pause * 2 : LongestPause)
        {
            try
            {
                return await take.Handle(body, correlation, stopping);
            }
            catch (Exception outage) when (outage is UnavailableException || (outage is NpgsqlException database && Errors.IsOutage(database)))
            {
                LogWaiting(correlation, outage);
                await Task.Delay(pause, clock, stopping);
            }
        }
    }

    private static async Task Answer(IReadOnlyBasicProperties review, ReviewOutcome outcome, IChannel answers, CancellationToken stopping)
    {
        if (review.ReplyTo is not { Length: > 0 } to || !MayAnswerTo(to))
        {
            return;
        }
        await answers.BasicPublishAsync(
            "", to, mandatory: false,
            new BasicProperties { ContentType = "application/json", CorrelationId = review.CorrelationId, Persistent = true },
            JsonSerializer.SerializeToUtf8Bytes(outcome, Json.Options), stopping);
    }

    /// <summary>A sender must not have us write where only we may: to agents, to the reports, or to this queue itself.</summary>
    internal static bool MayAnswerTo(string queue) =>
        !queue.StartsWith("accessplane.", StringComparison.Ordinal) || queue.StartsWith(Topology.Approver(""), StringComparison.Ordinal);

    private static async Task Declare(IChannel channel, CancellationToken cancel)
    {
        foreach (var queue in (string[])[Topology.Reviews, Topology.ReviewsInError])
        {
            await channel.ExchangeDeclareAsync(queue, ExchangeType.Fanout, durable: true, autoDelete: false, cancellationToken: cancel);
            await channel.QueueDeclareAsync(
                queue, durable: true, exclusive: false, autoDelete: false, new Dictionary<string, object?> { ["x-queue-type"] = "quorum" }, cancellationToken: cancel);
            await channel.QueueBindAsync(queue, queue, "", cancellationToken: cancel);
        }
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "the queue of reviews is not consumed for the moment")]
    private partial void LogLost(Exception failure);

    [LoggerMessage(Level = LogLevel.Warning, Message = "a review waits because the log cannot be reached (correlation `{Correlation}`)")]
    private partial void LogWaiting(Guid correlation, Exception outage);

    [LoggerMessage(Level = LogLevel.Error, Message = "a review could not be handled and was put aside (correlation `{Correlation}`)")]
    private partial void LogFailed(Guid correlation, Exception failure);
}

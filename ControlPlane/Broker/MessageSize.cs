using MassTransit;

namespace AccessPlane.ControlPlane.Broker;

/// <summary>Told of a message that is too large to be looked at.</summary>
/// <param name="exchange">To which it was sent: only its owner's broker user may write to it.</param>
public delegate Task MessageTooLarge(string exchange, long bytes, CancellationToken cancel);

/// <summary>
/// How large a message may be. The largest that an agent makes, a statement of 1 MiB that has to be escaped three times over, is well below. What
/// is larger is put aside unread, so that it costs its memory once and the consumer goes on.
/// </summary>
internal sealed class MessageSize(MessageTooLarge? tell) : IFilter<ReceiveContext>
{
    /// <summary>Bytes, as the broker counts them. Its own `max_message_size` is best a little above: what it refuses itself leaves no finding.</summary>
    public const int Largest = 16 * 1024 * 1024;

    /// <summary>More than any broker lets through: a client that closes its connection over a message gets the same one again, and again.</summary>
    public const int LargestOfAnyBroker = 512 * 1024 * 1024;

    public void Probe(ProbeContext context) => context.CreateFilterScope("message-size");

    public async Task Send(ReceiveContext context, IPipe<ReceiveContext> next)
    {
        ArgumentNullException.ThrowIfNull(next);
        if (context.Body.Length is { } bytes && bytes > Largest)
        {
            // not passed on: it ends in the queue beside, where its owner's operator finds it
            if (tell is not null)
            {
                var exchange = context.TryGetPayload<RabbitMqBasicConsumeContext>(out var delivery) ? delivery.Exchange : "";
                await tell(exchange, bytes, context.CancellationToken);
            }
            return;
        }
        await next.Send(context);
    }
}

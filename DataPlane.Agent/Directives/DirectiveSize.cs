using MassTransit;

namespace AccessPlane.Agent.Directives;

/// <summary>How large an order may be. What is larger is dropped unread: it costs its memory once, and the next one is taken.</summary>
internal sealed class DirectiveSize : IFilter<ReceiveContext>
{
    /// <summary>Bytes. The largest there is, the whole state of a resource with very many grants, is well below.</summary>
    public const int Largest = 24 * 1024 * 1024;

    /// <summary>More than any broker lets through: a client that closes its connection over a message gets the same one again, and again.</summary>
    public const int LargestOfAnyBroker = 512 * 1024 * 1024;

    public void Probe(ProbeContext context) => context.CreateFilterScope("directive-size");

    public async Task Send(ReceiveContext context, IPipe<ReceiveContext> next)
    {
        ArgumentNullException.ThrowIfNull(next);
        if (context.Body.Length > Largest)
        {
            AgentMeter.DirectivesRefused.Add(1);
            return;
        }
        await next.Send(context);
    }
}

using System.Text.Encodings.Web;
using System.Text.Json;
using AccessPlane.Contracts;
using AccessPlane.Contracts.Messages;
using AccessPlane.ControlPlane.Broker;
using MassTransit;

namespace AccessPlane.ControlPlane.Agents;

/// <summary>The way to one agent: signs and sends; completes when the broker confirmed.</summary>
public sealed class AgentLine(IBus bus, SigningKeys keys, Func<CancellationToken, ValueTask<long>> epoch, TimeProvider clock)
{
    private const int Overhead = 8 * 1024;

    /// <param name="previous">Of the directive before it for this agent.</param>
    public async Task Send(string agent, long position, long previous, string kind, object body, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(body);
        var text = JsonSerializer.Serialize(body, body.GetType(), Json.Options);
        if (text.Length > MessageSize.Largest / 8 && SizeOnTheWire(text) > MessageSize.Largest)
        {
            throw new InvalidOperationException($"the order `{kind}` for the agent `{agent}` is larger than the {MessageSize.Largest} bytes that a message may have");
        }
        var now = clock.GetUtcNow();
        var directive = keys.Sign(new Directive(
            agent, await epoch(cancel), position, previous, kind, text,
            now.AddTicks(-(now.Ticks % TimeSpan.TicksPerMicrosecond)), ""));
        var endpoint = await bus.GetSendEndpoint(new Uri($"exchange:{Topology.AgentQueue(agent)}"));
        await endpoint.Send(directive, cancel);
    }

    /// <summary>The body is a text within a JSON document.</summary>
    private static long SizeOnTheWire(string text) => Overhead + JsonEncodedText.Encode(text, JavaScriptEncoder.UnsafeRelaxedJsonEscaping).EncodedUtf8Bytes.Length;

    /// <summary>An answer to something that the agent asked.</summary>
    public Task Answer(string agent, long head, string kind, object body, CancellationToken cancel) => Send(agent, head, head, kind, body, cancel);
}

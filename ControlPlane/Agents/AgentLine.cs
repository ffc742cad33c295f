using System.Text.Json;
using AccessPlane.Contracts;
using AccessPlane.Contracts.Messages;
using AccessPlane.ControlPlane.Broker;
using MassTransit;

namespace AccessPlane.ControlPlane.Agents;

/// <summary>The way to one agent: signs and sends; completes when the broker confirmed.</summary>
public sealed class AgentLine(IBus bus, SigningKeys keys, Func<CancellationToken, ValueTask<long>> epoch, TimeProvider clock)
{
    /// <param name="previous">Of the directive before it for this agent.</param>
    public async Task Send(string agent, long position, long previous, string kind, object body, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(body);
        var now = clock.GetUtcNow();
        var directive = keys.Sign(new Directive(
            agent, await epoch(cancel), position, previous, kind, JsonSerializer.Serialize(body, body.GetType(), Json.Options),
            now.AddTicks(-(now.Ticks % TimeSpan.TicksPerMicrosecond)), ""));
        var endpoint = await bus.GetSendEndpoint(new Uri($"exchange:{Topology.AgentQueue(agent)}"));
        await endpoint.Send(directive, cancel);
    }

    /// <summary>An answer to something that the agent asked.</summary>
    public Task Answer(string agent, long head, string kind, object body, CancellationToken cancel) => Send(agent, head, head, kind, body, cancel);
}

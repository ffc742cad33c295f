using System.Text.Encodings.Web;
using System.Text.Json;
using AccessPlane.Contracts;
using AccessPlane.Contracts.Messages;
using AccessPlane.ControlPlane.Broker;
using AccessPlane.ControlPlane.Keys;

namespace AccessPlane.ControlPlane.Agents;

/// <summary>The way to one agent: signs and sends. Completes when the broker confirmed, or after a moment.</summary>
/// <param name="send">Hands something to an exchange of the broker; completes when it confirmed.</param>
/// <param name="epoch">In which agents are told something; it throws where they must be told nothing.</param>
public sealed class AgentLine(Func<string, Directive, CancellationToken, Task> send, SigningKeys keys, Func<CancellationToken, ValueTask<long>> epoch, TimeProvider clock)
{
    private const int Overhead = 8 * 1024;
    private readonly Confirmations confirmations = new(clock);

    /// <summary>An order. Where the broker does not take it, the agent's next lease names its position all the same.</summary>
    /// <param name="previous">Position of the directive before it for this agent.</param>
    /// <param name="mark">The id of the event at the position.</param>
    /// <returns>Whether the broker has it.</returns>
    public Task<bool> Send(string agent, long position, long previous, string kind, object body, CancellationToken cancel, Guid? mark = null) =>
        confirmations.Try(agent, async () => await Send(agent, await epoch(cancel), position, previous, kind, body, mark, cancel), cancel);

    /// <summary>No lease: the one thing that an agent may be told whatever happened to the log.</summary>
    public Task Refuse(string agent, LeaseRefusal refusal, CancellationToken cancel) =>
        confirmations.Try(agent, () => Send(agent, 0, 0, 0, DirectiveKinds.LeaseRefused, refusal, null, cancel), cancel);

    /// <summary>An answer to something that the agent asked, or asks again.</summary>
    /// <returns>Whether the broker has it.</returns>
    public Task<bool> Answer(string agent, long head, string kind, object body, CancellationToken cancel, Guid? mark = null) =>
        confirmations.Try(agent, async () => await Send(agent, await epoch(cancel), head, head, kind, body, mark, cancel), cancel);

    private async Task Send(string agent, long told, long position, long previous, string kind, object body, Guid? mark, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(body);
        var text = JsonSerializer.Serialize(body, body.GetType(), Json.Options);
        if (text.Length > MessageSize.Largest / 8 && SizeOnTheWire(text) > MessageSize.Largest)
        {
            throw new InvalidOperationException($"the order `{kind}` for the agent `{agent}` is larger than the {MessageSize.Largest} bytes that a message may have");
        }
        var now = clock.GetUtcNow();
        var directive = keys.Sign(new Directive(
            agent, told, position, previous, kind, text, now.AddTicks(-(now.Ticks % TimeSpan.TicksPerMicrosecond)), "", mark));
        await send(Topology.AgentQueue(agent), directive, cancel);
    }

    /// <summary>The body is a text within a JSON document.</summary>
    private static long SizeOnTheWire(string text) => Overhead + JsonEncodedText.Encode(text, JavaScriptEncoder.UnsafeRelaxedJsonEscaping).EncodedUtf8Bytes.Length;
}

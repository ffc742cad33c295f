using System.Text.Encodings.Web;
using System.Text.Json;
using AccessPlane.Contracts;
using AccessPlane.Contracts.Messages;
using AccessPlane.ControlPlane.Broker;
using AccessPlane.ControlPlane.Keys;
using MassTransit;

namespace AccessPlane.ControlPlane.Agents;

/// <summary>The way to one agent: signs and sends; completes when the broker confirmed.</summary>
/// <param name="epoch">In which agents are told something; it throws where they must be told nothing.</param>
public sealed class AgentLine(IBus bus, SigningKeys keys, Func<CancellationToken, ValueTask<long>> epoch, TimeProvider clock)
{
    private const int Overhead = 8 * 1024;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(2);
    private Task unconfirmed = Task.CompletedTask;

    /// <param name="previous">Of the directive before it for this agent.</param>
    /// <param name="mark">The id of the event at the position.</param>
    public async Task Send(string agent, long position, long previous, string kind, object body, CancellationToken cancel, Guid? mark = null) =>
        await Send(agent, await epoch(cancel), position, previous, kind, body, mark, cancel);

    /// <summary>No lease: the one thing that an agent may be told whatever happened to the log.</summary>
    public Task Refuse(string agent, LeaseRefusal refusal, CancellationToken cancel) =>
        WithPatience(() => Send(agent, 0, 0, 0, DirectiveKinds.LeaseRefused, refusal, null, cancel), cancel);

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
        var endpoint = await bus.GetSendEndpoint(new Uri($"exchange:{Topology.AgentQueue(agent)}"));
        await endpoint.Send(directive, cancel);
    }

    /// <summary>The body is a text within a JSON document.</summary>
    private static long SizeOnTheWire(string text) => Overhead + JsonEncodedText.Encode(text, JavaScriptEncoder.UnsafeRelaxedJsonEscaping).EncodedUtf8Bytes.Length;

    /// <summary>
    /// An answer to something that the agent asked. Where the broker takes nothing it is given up, and so are the next ones until it does: agents ask again,
    /// and what they have said meanwhile must be taken in, or a broker that is full of it never takes anything again.
    /// </summary>
    /// <returns>Whether the broker has it.</returns>
    public Task<bool> Answer(string agent, long head, string kind, object body, CancellationToken cancel, Guid? mark = null) =>
        WithPatience(() => Send(agent, head, head, kind, body, cancel, mark), cancel);

    private async Task<bool> WithPatience(Func<Task> send, CancellationToken cancel)
    {
        if (!Volatile.Read(ref unconfirmed).IsCompleted)
        {
            return false;
        }
        var sending = send();
        try
        {
            await sending.WaitAsync(Patience, clock, cancel);
            return true;
        }
        catch (TimeoutException) when (!sending.IsCompleted)
        {
            Volatile.Write(ref unconfirmed, Task.WhenAny(sending)); // however it ends: it was given up
            return false;
        }
    }
}

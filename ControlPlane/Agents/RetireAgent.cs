using AccessPlane.Contracts;
using AccessPlane.Contracts.Events;
using AccessPlane.Contracts.Identity;
using AccessPlane.ControlPlane.Broker;
using AccessPlane.ControlPlane.EventStore;
using AccessPlane.ControlPlane.Http;
using FluentValidation;

namespace AccessPlane.ControlPlane.Agents;

public sealed record Retirement(string Agent, Actor By, bool IsAdmin, string Why);

public sealed record RetireAgentBody(string Reason)
{
    public sealed class Rules : AbstractValidator<RetireAgentBody>
    {
        public Rules() => RuleFor(x => x.Reason).NotEmpty().WithMessage("must say why").Readable();
    }
}

/// <summary>An admin takes an agent out of service: its sessions end, its broker user goes, its reports are not believed any more.</summary>
public static class RetireAgent
{
    private static readonly TimeSpan LastWord = TimeSpan.FromSeconds(2);

    public static Outcome Decide(Agent state, Retirement order)
    {
        ArgumentNullException.ThrowIfNull(order);
        return (order.IsAdmin, state) switch
        {
            (false, _) => Outcome.Refuse("admins-only", "retiring agents is for admins"),
            (_, Agent.None) => Outcome.Refuse("no-such-agent", $"there is no agent `{order.Agent}`"),
            (_, Agent.Retired) => Outcome.Nothing,
            _ => Outcome.Of(new AgentRetired(order.Agent, order.By, order.Why)),
        };
    }

    internal static void Map(IEndpointRouteBuilder routes) => routes.MapPost("/agents/{id}/retire", Handle)
        .Validate<RetireAgentBody>()
        .WithSummary("Retire an agent: its sessions end and it is not believed any more")
        .Produces(StatusCodes.Status204NoContent);

    private static async Task<IResult> Handle(
        string id, RetireAgentBody body, Handle handle, AgentAcks acks, BrokerAdmin broker, HttpContext http, CancellationToken cancel)
    {
        var (caller, command) = (http.Caller(), http.Command());
        var handled = await handle.Run(
            new Handling<Agent>(
                Ids.Agent(id), Agent.StreamType, Agent.Initial, Agent.Evolve, s => Decide(s, new Retirement(id, caller.Actor, caller.IsAdmin, body.Reason)),
                command.Context, command.Id, command.IfMatch),
            cancel);
        if (handled.Refusal is { } refusal)
        {
            return Problems.Of(refusal);
        }
        if (handled.Position > 0)
        {
            // it hears of its lock first; an agent that does not listen loses its broker user and with it, soon, its lease
            await acks.WaitFor(id, handled.Position, LastWord, cancel);
        }
        await broker.RemoveAgent(id, $"agent-{id}", cancel);
        return Results.NoContent();
    }
}

using AccessPlane.Contracts;
using AccessPlane.Contracts.Events;
using AccessPlane.Contracts.Identity;
using AccessPlane.Contracts.Messages;
using AccessPlane.ControlPlane.EventStore;
using AccessPlane.ControlPlane.Http;
using FluentValidation;

namespace AccessPlane.ControlPlane.Agents;

public sealed record AgentKeyOrder(string Agent, TimeSpan Overlap, Actor By, bool IsAdmin, string Reason);

/// <param name="Overlap">Up to 30 days; a day where it is left out.</param>
public sealed record AgentKeyRotationBody(string Reason, TimeSpan? Overlap = null)
{
    public sealed class Rules : AbstractValidator<AgentKeyRotationBody>
    {
        public Rules()
        {
            RuleFor(x => x.Reason).NotEmpty().WithMessage("must say why").Readable();
            RuleFor(x => x.Overlap).Must(o => o is null || (o > TimeSpan.Zero && o <= RotateAgentKey.LongestOverlap)).WithMessage("must be more than nothing and at most P30D");
        }
    }
}

/// <summary>An admin has an agent make a new key of its own. It hears of it with its next lease, and announces a key that both its keys have signed for.</summary>
public sealed class RotateAgentKey(Handle handle, TimeProvider clock)
{
    public static readonly TimeSpan Overlap = TimeSpan.FromDays(1);
    public static readonly TimeSpan LongestOverlap = TimeSpan.FromDays(30);

    public static Outcome Decide(Agent state, AgentKeyOrder order)
    {
        ArgumentNullException.ThrowIfNull(order);
        return (order.IsAdmin, state) switch
        {
            (false, _) => Outcome.Refuse("admins-only", "keys are for admins"),
            (_, Agent.Enrolled { Keys: { } keys }) => keys.Wanted > keys.Generation
                ? Outcome.Nothing
                : Outcome.Of(new AgentKeyRotationOrdered(order.Agent, keys.Generation + 1, order.Overlap, order.By, order.Reason)),
            _ => Outcome.Refuse("no-such-agent", $"there is no agent `{order.Agent}` that is enrolled"),
        };
    }

    /// <summary>The agent's word of its new key.</summary>
    /// <exception cref="FormatException">It is not the key that follows, or not both have signed it.</exception>
    public static Outcome Decide(Agent state, AgentKeyAnnouncement said, DateTimeOffset now)
    {
        ArgumentNullException.ThrowIfNull(said);
        return state switch
        {
            Agent.Enrolled { Keys: var keys } when keys.Announced.Any(a => a.Key.PublicKey == said.PublicKey) => Outcome.Nothing,
            Agent.Enrolled { As: var agent, Keys: var keys } when
                said.Agent == agent.Agent && said.Generation == keys.Generation + 1 && said.Generation == keys.Wanted && said.Previous == keys.Current &&
                EnrolAgent.IsKey(said.PublicKey) && said.IsWhole() =>
                Outcome.Of(new AgentKeyAnnounced(said, now + keys.Overlap)),
            _ => throw new FormatException("the announced key is not one that was asked for, or does not follow from the agent's key"),
        };
    }

    public async Task Handle(string agent, AgentKeyAnnouncement said, Guid report, CancellationToken cancel)
    {
        var now = clock.GetUtcNow();
        await handle.Run(
            new Handling<Agent>(
                Ids.Agent(agent), Agent.StreamType, Agent.Initial, Agent.Evolve, s => Decide(s, said, now.AddTicks(-(now.Ticks % TimeSpan.TicksPerMicrosecond))),
                new EventContext(Actor.System($"agent {agent}"), report)),
            cancel);
    }

    internal static void Map(IEndpointRouteBuilder routes) => routes.MapPost("/agents/{id}/rotate-key", async (
            string id, AgentKeyRotationBody body, Handle handle, HttpContext http, CancellationToken cancel) =>
        {
            var (caller, command) = (http.Caller(), http.Command());
            var order = new AgentKeyOrder(id, body.Overlap ?? Overlap, caller.Actor, caller.IsAdmin, body.Reason);
            var handled = await handle.Run(
                new Handling<Agent>(
                    Ids.Agent(id), Agent.StreamType, Agent.Initial, Agent.Evolve, s => Decide(s, order), command.Context, command.Id, command.IfMatch),
                cancel);
            return handled.Refusal is { } refusal ? Problems.Of(refusal) : Results.Accepted();
        })
        .Validate<AgentKeyRotationBody>()
        .WithName("RotateAgentKey").WithSummary("Have an agent make a new key of its own")
        .WithDescription(
            "It makes the key by itself and announces it, signed by both keys, with its next lease; what the old one signs is believed for `overlap` (a day) more. " +
            "`GET /v1/agents/{id}` says when it is done. A key that somebody else may have is not rotated: retire the agent.")
        .Produces(StatusCodes.Status202Accepted);
}

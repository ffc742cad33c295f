using System.Security.Cryptography;
using System.Text;
using AccessPlane.Contracts;
using AccessPlane.Contracts.Events;
using AccessPlane.Contracts.Identity;
using AccessPlane.ControlPlane.EventStore;
using AccessPlane.ControlPlane.Http;

namespace AccessPlane.ControlPlane.Agents;

public sealed record Invitation(string Agent, IReadOnlyList<string> Resources, string TokenHash, DateTimeOffset ExpiresAt, Actor By, bool IsAdmin);

/// <param name="Id">The agent's name: lower case letters, digits and dashes, 1 to 63, starting with a letter.</param>
/// <param name="Resources">Ids of the resources that it may serve.</param>
public sealed record InviteAgentBody(string Id, IReadOnlyList<string> Resources);

/// <param name="Token">For the agent's first start, once. Told only here.</param>
public sealed record InvitedAgent(string Id, string Token, DateTimeOffset ExpiresAt);

/// <summary>An admin makes a place for an agent and gets the one-time token with which it enrols.</summary>
public static class InviteAgent
{
    public static readonly TimeSpan Lifetime = TimeSpan.FromHours(1);

    public static Outcome Decide(Agent state, Invitation order)
    {
        ArgumentNullException.ThrowIfNull(order);
        if (!order.IsAdmin)
        {
            return Outcome.Refuse("admins-only", "inviting agents is for admins");
        }
        var errors = new Dictionary<string, string[]>();
        if (!Ids.IsName(order.Agent))
        {
            errors["id"] = [$"`{order.Agent}` is not a name: lower case letters, digits and dashes, 1 to 63, starting with a letter"];
        }
        if (order.Resources.Count == 0 || order.Resources.Distinct(StringComparer.Ordinal).Count() != order.Resources.Count || !order.Resources.All(Ids.IsName))
        {
            errors["resources"] = ["at least one resource's name, each once"];
        }
        if (errors.Count > 0)
        {
            return new Outcome.Refused(new Refusal("invalid", "the invitation is not valid") { Errors = errors });
        }
        return state is Agent.Enrolled
            ? Outcome.Refuse("agent-exists", $"the agent `{order.Agent}` is enrolled: retire it first")
            : Outcome.Of(new AgentInvited(order.Agent, order.Resources, order.TokenHash, order.ExpiresAt, order.By));
    }

    public static string HashOf(string token) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(token ?? "")));

    /// <summary>It opens one enrolment; the prefix lets scanners for leaked secrets recognise it.</summary>
    public static string NewToken() => "e_" + Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(32));

    internal static void Map(IEndpointRouteBuilder routes) => routes.MapPost("/agents", Handle)
        .WithSummary("Invite an agent: the one-time token of its enrolment")
        .Produces<InvitedAgent>(StatusCodes.Status201Created);

    private static async Task<IResult> Handle(InviteAgentBody body, Handle handle, TimeProvider clock, HttpContext http, CancellationToken cancel)
    {
        var (caller, command) = (http.Caller(), http.Command());
        var token = NewToken();
        var now = clock.GetUtcNow();
        var expires = now.AddTicks(-(now.Ticks % TimeSpan.TicksPerMicrosecond)) + Lifetime;
        var order = new Invitation(body.Id, body.Resources, HashOf(token), expires, caller.Actor, caller.IsAdmin);
        var handled = await handle.Run(
            new Handling<Agent>(
                Ids.Agent(body.Id), Agent.StreamType, Agent.Initial, Agent.Evolve, state => Decide(state, order), command.Context, command.Id, command.IfMatch),
            cancel);
        return handled switch
        {
            { Refusal: { } refusal } => Problems.Of(refusal),
            { Repeated: true } => Problems.Of("agent-already-invited", "the agent was invited under this idempotency key; its token is told only once: invite it again"),
            _ => Answers.Created($"/v1/agents/{body.Id}", new InvitedAgent(body.Id, token, expires), handled.Version),
        };
    }
}

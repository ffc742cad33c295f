using AccessPlane.Contracts;
using AccessPlane.Contracts.Events;
using AccessPlane.ControlPlane.EventStore;
using AccessPlane.ControlPlane.Http;

namespace AccessPlane.ControlPlane.Agents;

/// <param name="State">`Invited`, `Enrolled`, `Silent` or `Retired`.</param>
/// <param name="PublicKey">ECDSA P-256, SubjectPublicKeyInfo, base64: whoever verifies a transcript offline needs it.</param>
/// <param name="Position">Of the log: up to here everything is in force at the agent.</param>
public sealed record AgentView(
    string Id, string State, IReadOnlyList<string> Resources, IReadOnlyList<AgentEndpoint> Endpoints, string? PublicKey, long Position,
    DateTimeOffset? LastSeenAt);

/// <summary>One agent as the API shows it.</summary>
public static class GetAgent
{
    internal static void Map(IEndpointRouteBuilder routes) => routes.MapGet("/agents/{id}", Handle)
        .WithSummary("An agent: its state, its endpoints, its public key")
        .Produces<AgentView>();

    private static async Task<IResult> Handle(string id, Handle handle, AgentAcks acks, CancellationToken cancel)
    {
        var (state, version) = await handle.Load(Ids.Agent(id), Agent.Initial, Agent.Evolve, cancel);
        return state is Agent.None
            ? Problems.Of("no-such-agent", $"there is no agent `{id}`")
            : Answers.Ok(Of(id, state, (await acks.Status(cancel)).GetValueOrDefault(id)), version);
    }

    internal static AgentView Of(string id, Agent state, AgentProgress? progress) => state switch
    {
        Agent.Invited i => new AgentView(id, "Invited", i.Invitation.Resources, [], null, 0, null),
        Agent.Enrolled e => new AgentView(
            id, e.SilentSince is null ? "Enrolled" : "Silent", e.As.Resources, e.As.Endpoints, e.As.PublicKey, progress?.Applied ?? 0, progress?.LeaseAt),
        Agent.Retired => new AgentView(id, "Retired", [], [], null, progress?.Applied ?? 0, progress?.LeaseAt),
        _ => throw new InvalidOperationException($"an agent that is {state?.Name} is not shown"),
    };
}

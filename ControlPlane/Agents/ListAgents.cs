using AccessPlane.Contracts.Events;
using AccessPlane.Contracts.Messages;
using AccessPlane.Contracts.Policy;
using AccessPlane.ControlPlane.EventStore;
using AccessPlane.ControlPlane.Http;
using AccessPlane.ControlPlane.Policies;
using AccessPlane.Projections;

namespace AccessPlane.ControlPlane.Agents;

/// <summary>The agents and how they are. Everyone sees where resources are reached and with which key transcripts are signed.</summary>
public static class ListAgents
{
    public static void Map(IEndpointRouteBuilder routes)
    {
        routes.MapGet("/agents", List).WithName("ListAgents").TakesQuery("after", "limit").WithSummary("Agents").WithDescription("Paging: `after`, `limit`.").Produces<Page<AgentView>>();
        routes.MapGet("/agents/{id}", One).WithName("GetAgent").WithSummary("One agent").Produces<AgentView>();
    }

    private static async Task<IResult> List(
        HttpContext http, Rows rows, AgentHealth agents, AgentAcks acks, AgentStateBuilder states, PolicySource policy, ReadBarrier barrier, TimeProvider clock, CancellationToken cancel)
    {
        var ask = new ListQuery(http);
        var query = new Query([], ask.After, ask.Limit, NewestFirst: false);
        if (ask.WhyNot() is { } wrong)
        {
            return wrong;
        }
        await barrier.CaughtUp([agents], cancel);
        var (progress, known, model) = (await acks.Status(cancel), await states.Current(cancel), (await policy.Current(cancel)).Model);
        return Results.Ok(await rows.List(agents, query, row => AgentView.Of(row, known, progress, model, http.Caller(), clock.GetUtcNow()), cancel));
    }

    private static async Task<IResult> One(
        string id, HttpContext http, Rows rows, AgentHealth agents, AgentAcks acks, AgentStateBuilder states, PolicySource policy, ReadBarrier barrier, TimeProvider clock, CancellationToken cancel)
    {
        await barrier.CaughtUp([agents], cancel);
        return await rows.Find(agents, id, cancel) is { } row
            ? Answers.Ok(AgentView.Of(row, await states.Current(cancel), await acks.Status(cancel), (await policy.Current(cancel)).Model, http.Caller(), clock.GetUtcNow()), row.Version)
            : Problems.Of("no-such-agent", $"there is no agent `{id}`");
    }
}

/// <param name="State">Invited, Enrolled, Silent, Retired.</param>
/// <param name="PublicKey">ECDSA P-256, SubjectPublicKeyInfo, base64: verifies the agent's transcripts offline.</param>
/// <param name="Applied">The log position up to which the agent has put everything in force; for auditors and admins.</param>
/// <param name="Connected">Its liveness lease holds.</param>
/// <param name="Keys">How the key follows from the one of the enrolment, where it is another; both sign for each step.</param>
/// <param name="Condition">What it said of itself when its lease was last renewed; for auditors and admins.</param>
/// <param name="CloneFound">Two processes have its identity: why that is known, and what to do; for auditors and admins.</param>
public sealed record AgentView(
    string Id, string State, IReadOnlyList<string> Resources, IReadOnlyList<AgentEndpoint> Endpoints, string? PublicKey, DateTimeOffset Since,
    bool Connected, DateTimeOffset? LeaseEndsAt, long? Applied, int? Sessions, int? Gaps, string? CloneFound = null, IReadOnlyList<AgentKeyAnnouncement>? Keys = null,
    AgentCondition? Condition = null)
{
    public static AgentView Of(AgentRow row, AgentKnowledge known, IReadOnlyDictionary<string, AgentProgress> progress, PolicyModel policy, Caller caller, DateTimeOffset now)
    {
        ArgumentNullException.ThrowIfNull(row);
        ArgumentNullException.ThrowIfNull(known);
        var word = progress.GetValueOrDefault(row.Id);
        var leaseEndsAt = word?.LeaseEndsAt(row.Resources.Select(r => policy.Resource(r)?.FreezeAfter).Min() ?? TimeSpan.Zero);
        var all = caller.SeesAll();
        return new AgentView(
            row.Id, row.State, row.Resources, row.Endpoints, row.PublicKey, row.Since, leaseEndsAt > now, leaseEndsAt,
            all ? word?.Applied : null, all ? row.Sessions : null, all ? row.Gaps : null, all && row.State != "Retired" ? row.CloneFound : null,
            known.Keys.GetValueOrDefault(row.Id) is { Announced.Count: > 0 } keys ? [.. keys.Announced.Select(a => a.Key)] : null,
            all ? word?.Condition : null);
    }
}

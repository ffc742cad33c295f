using AccessPlane.Contracts;
using AccessPlane.Contracts.Messages;
using AccessPlane.Contracts.Policy;
using AccessPlane.ControlPlane.Agents;
using AccessPlane.ControlPlane.EventStore;
using AccessPlane.ControlPlane.Http;

namespace AccessPlane.ControlPlane.Resources;

/// <param name="Masking">Who hides columns, by the policy in force.</param>
/// <param name="Databases">What each agent of the resource found in each of its databases.</param>
public sealed record MaskingView(string Resource, MaskingMode Masking, IReadOnlyList<DatabaseMasking> Databases);

/// <param name="Status">`planned`: the SQL waits for an admin; `ready`: PostgreSQL enforces the masks; `unavailable`: no session opens, and the reason says why.</param>
/// <param name="Reason">For people to read.</param>
/// <param name="Plan">The SHA-256 of the SQL, lower-case hex: what an admin orders to be applied.</param>
/// <param name="Findings">Ways in which masked data could still be reached, and how to close each; those that `refuses` keep masked sessions from opening.</param>
/// <param name="FoundAt">By the agent's clock.</param>
/// <param name="Ordered">The last plan that an admin ordered for the database.</param>
public sealed record DatabaseMasking(
    string Database, string Agent, MaskingStatus Status, string? Reason, string Plan, string Sql, IReadOnlyList<MaskingFinding> Findings, DateTimeOffset FoundAt,
    OrderedPlan? Ordered);

/// <param name="By">`issuer|subject`.</param>
public sealed record OrderedPlan(string Plan, string By);

/// <summary>How PostgreSQL enforces a resource's masks, for admins and auditors: the SQL, and the ways around it that were found.</summary>
public static class GetMasking
{
    internal static void Map(IEndpointRouteBuilder routes) => routes.MapGet("/resources/{id}/masking", Answer)
        .WithName("GetMasking").WithSummary("How the database enforces the masks of a resource, with the SQL and the findings")
        .WithDescription(
            "For `masking: server`. Each agent of the resource reports for each database the SQL that sets the masks up (or keeps them as the policy in force asks), " +
            "whether they are enforced, and every way in which masked data could still be reached, with how to close it.")
        .Produces<MaskingView>();

    private static async Task<IResult> Answer(string id, HttpContext http, Handle handle, AgentStateBuilder agents, CancellationToken cancel)
    {
        if (!http.Caller().SeesAll())
        {
            return Problems.Of("auditors-only", "how masks are enforced is for admins and auditors");
        }
        var (state, version) = await handle.Load(Ids.Resource(id), Resource.StreamType, Resource.Initial, Resource.Evolve, cancel);
        return View(id, state, await agents.Current(cancel)) is { } view
            ? Answers.Ok(view, version)
            : Problems.Of("no-such-resource", $"the policy in force names no resource `{id}`");
    }

    /// <summary>Null for what the policy in force does not name.</summary>
    internal static MaskingView? View(string id, Resource state, AgentKnowledge known)
    {
        if (state is not Resource.Known resource || known.Policy.Model.Resource(id) is not { } terms)
        {
            return null;
        }
        var masking = resource.Masking;
        return new MaskingView(id, terms.Masking,
        [
            .. masking.FoundBy([.. known.Serving(id)]).Select(f => new DatabaseMasking(
                f.Database, f.Agent, f.Status, f.Reason, f.Plan, f.Sql ?? "", f.Findings, f.FoundAt,
                masking.Ordered.TryGetValue(f.Database, out var ordered) ? new OrderedPlan(ordered.Plan, ordered.By.Key) : null)),
        ]);
    }
}

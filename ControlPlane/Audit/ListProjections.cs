using AccessPlane.ControlPlane.EventStore;
using AccessPlane.ControlPlane.Http;
using AccessPlane.Projections;

namespace AccessPlane.ControlPlane.Audit;

/// <summary>How far each read model is, and how far the log.</summary>
public static class ListProjections
{
    public static void Map(IEndpointRouteBuilder routes) => routes.MapGet("/projections", Answer)
        .WithName("ListProjections").WithSummary("Read models and how far they are").Produces<ProjectionList>();

    private static async Task<IResult> Answer(HttpContext http, Projector projector, EventLog log, CancellationToken cancel)
    {
        if (!http.Caller().SeesAll())
        {
            return Problems.Of("auditors-only", "the read models are for auditors and admins");
        }
        var head = await log.Head(cancel);
        return Results.Ok(new ProjectionList(head, await projector.Status(cancel)));
    }
}

/// <param name="Head">Position up to which the log is settled.</param>
public sealed record ProjectionList(long Head, IReadOnlyList<ProjectionStatus> Items);

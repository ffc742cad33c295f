using AccessPlane.ControlPlane.Http;
using AccessPlane.Projections;

namespace AccessPlane.ControlPlane.Audit;

/// <summary>Throws a read model away and folds it from the log again. Readers see the old rows until the new ones are complete.</summary>
public static class RebuildProjection
{
    public static void Map(IEndpointRouteBuilder routes) => routes.MapPost("/projections/{name}/rebuild", Answer)
        .WithName("RebuildProjection").WithSummary("Rebuild a read model from the log").Produces<ProjectionStatus>();

    private static async Task<IResult> Answer(string name, HttpContext http, Projector projector, CancellationToken cancel)
    {
        if (!http.Caller().IsAdmin)
        {
            return Problems.Of("admins-only", "rebuilding a read model is for admins");
        }
        if (projector.Projections.FirstOrDefault(p => p.Name == name) is not { } projection)
        {
            return Problems.Of("no-such-projection", $"there is no projection `{name}`: there are {string.Join(", ", projector.Projections.Select(p => $"`{p.Name}`"))}");
        }
        await projector.Rebuild(projection, cancel);
        return Results.Ok((await projector.Status(cancel)).Single(s => s.Name == name));
    }
}

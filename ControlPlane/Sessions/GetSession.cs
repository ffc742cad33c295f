using AccessPlane.ControlPlane.EventStore;
using AccessPlane.ControlPlane.Http;
using AccessPlane.Projections;

namespace AccessPlane.ControlPlane.Sessions;

/// <summary>One session, for its holder and for auditors.</summary>
public static class GetSession
{
    public static void Map(IEndpointRouteBuilder routes) => routes.MapGet("/sessions/{id:guid}", Answer)
        .WithName("GetSession").WithSummary("One session").Produces<SessionRow>();

    private static async Task<IResult> Answer(
        Guid id, HttpContext http, Rows rows, Projections.Sessions sessions, ReadBarrier barrier, CancellationToken cancel)
    {
        await barrier.CaughtUp([sessions], cancel);
        return await rows.Find(sessions, id.ToString("D"), cancel) is { } row && http.Caller().Sees(row.Holder)
            ? Answers.Ok(row, row.Version)
            : Problems.Of("no-such-session", "there is no such session");
    }
}

using AccessPlane.ControlPlane.EventStore;
using AccessPlane.ControlPlane.Grants;
using AccessPlane.ControlPlane.Http;
using AccessPlane.Projections;

namespace AccessPlane.ControlPlane.Sessions;

/// <summary>One session, for its holder, for who reviews the break-glass access that it was under, and for auditors.</summary>
public static class GetSession
{
    public static void Map(IEndpointRouteBuilder routes) => routes.MapGet("/sessions/{id:guid}", Answer)
        .WithName("GetSession").WithSummary("One session").Produces<SessionRow>();

    private static async Task<IResult> Answer(
        Guid id, HttpContext http, Rows rows, Projections.Sessions sessions, ReviewsOwed owed, ReadBarrier barrier, CancellationToken cancel)
    {
        await barrier.CaughtUp([sessions], cancel);
        var caller = http.Caller();
        return await rows.Find(sessions, id.ToString("D"), cancel) is { } row && (caller.Sees(row.Holder) || await owed.Are(row.Grant, caller.Actor, cancel))
            ? Answers.Ok(row, row.Version)
            : Problems.Of("no-such-session", "there is no such session");
    }
}

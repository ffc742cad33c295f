using AccessPlane.ControlPlane.EventStore;
using AccessPlane.ControlPlane.Http;
using AccessPlane.ControlPlane.Policies;
using AccessPlane.Projections;

namespace AccessPlane.ControlPlane.Holds;

/// <summary>One hold, for its holder, for who may decide, and for auditors.</summary>
public static class GetHold
{
    public static void Map(IEndpointRouteBuilder routes) => routes.MapGet("/holds/{id:guid}", Answer)
        .WithName("GetHold").WithSummary("One operation that waits, or waited, for people").Produces<HoldRow>();

    private static async Task<IResult> Answer(
        Guid id, HttpContext http, Rows rows, HeldOperations holds, ReadBarrier barrier, PolicySource policy, TimeProvider clock, CancellationToken cancel)
    {
        await barrier.CaughtUp([holds], cancel);
        var row = await rows.Find(holds, id.ToString("D"), cancel);
        return row is not null && HoldAnswers.MaySee(row, http.Caller(), (await policy.Current(cancel)).Model)
            ? Answers.Ok(row.At(clock.GetUtcNow()), row.Version)
            : Problems.Of("no-such-hold", "there is no such hold");
    }
}

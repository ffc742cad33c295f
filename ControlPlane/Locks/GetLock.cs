using AccessPlane.ControlPlane.EventStore;
using AccessPlane.ControlPlane.Http;

namespace AccessPlane.ControlPlane.Locks;

/// <summary>One lock, also when it was lifted, for admins and auditors.</summary>
public static class GetLock
{
    public static void Map(IEndpointRouteBuilder routes) => routes.MapGet("/locks/{id:guid}", Answer)
        .WithName("GetLock").WithSummary("One lock, also when it was lifted").Produces<LockAnswer>();

    private static async Task<IResult> Answer(Guid id, HttpContext http, Handle handle, CancellationToken cancel)
    {
        if (!http.Caller().SeesAll())
        {
            return Problems.Of("auditors-only", "locks are for auditors and admins");
        }
        var (state, version) = await handle.Load(id, Lock.StreamType, Lock.Initial, Lock.Evolve, cancel);
        return state is Lock.Known known ? Answers.Ok(LockAnswer.Of(known), version) : Problems.Of("no-such-lock", "there is no such lock");
    }
}

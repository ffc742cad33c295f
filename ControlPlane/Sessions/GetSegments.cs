using System.Text;
using System.Text.Json;
using AccessPlane.Contracts;
using AccessPlane.ControlPlane.EventStore;
using AccessPlane.ControlPlane.Grants;
using AccessPlane.ControlPlane.Http;

namespace AccessPlane.ControlPlane.Sessions;

/// <param name="Signature">ECDSA P-256 by the agent's key (`GET /v1/agents/{id}`), IEEE P1363 form, base64, over the UTF-8 bytes of
/// `accessplane.segment.v1`, session, agent, number, firstSeq, lastSeq, previousHead, head, and 1 or 0 for final, each after a line feed.</param>
public sealed record SignedSegment(
    Guid Session, string Agent, int Number, long FirstSeq, long LastSeq, string PreviousHead, string Head, bool Final, string Signature);

/// <summary>What the agent signed of a session: with the transcript and the agent's key, anyone verifies it without this server.</summary>
public static class GetSegments
{
    internal static void Map(IEndpointRouteBuilder routes) => routes.MapGet("/sessions/{id:guid}/segments", Handle)
        .WithSummary("The agent's signatures over a session's transcript, one segment a line")
        .Produces<SignedSegment>(contentType: SessionStreams.Ndjson);

    private static async Task<IResult> Handle(Guid id, Handle handle, SessionStreams streams, ReviewsOwed owed, HttpContext http, CancellationToken cancel)
    {
        var caller = http.Caller();
        var (state, _) = await handle.Load(id, Session.StreamType, Session.Initial, Session.Evolve, cancel);
        return state is Session.Known known && (Session.MayRead(known, caller.Actor, caller.SeesAll()) || await owed.Are(known.Opened.Grant, caller.Actor, cancel))
            ? Results.Stream(body => Write(streams, id, body, cancel), SessionStreams.Ndjson)
            : Problems.Of("no-such-session", "there is no such session");
    }

    private static async Task Write(SessionStreams streams, Guid id, Stream body, CancellationToken cancel)
    {
        await foreach (var t in streams.Segments(id, followUntil: null, cancel))
        {
            var segment = new SignedSegment(t.Session, t.Agent, t.Number, t.FirstSeq, t.LastSeq, t.PreviousHead, t.Head, t.Final, t.Signature);
            await body.WriteAsync(Encoding.UTF8.GetBytes(JsonSerializer.Serialize(segment, Json.Options) + "\n"), cancel);
        }
    }
}

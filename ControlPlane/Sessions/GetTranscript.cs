using System.Text;
using AccessPlane.Contracts;
using AccessPlane.Contracts.Events;
using AccessPlane.Contracts.Transcripts;
using AccessPlane.ControlPlane.EventStore;
using AccessPlane.ControlPlane.Grants;
using AccessPlane.ControlPlane.Http;

namespace AccessPlane.ControlPlane.Sessions;

/// <summary>
/// A session's transcript, one entry a line in its canonical bytes with the chain's hash as the last member. For auditors, admins, the session's
/// holder and who reviews the break-glass access that it was under; that it was read is recorded before the first line leaves.
/// </summary>
public static class GetTranscript
{
    internal static void Map(IEndpointRouteBuilder routes) => routes.MapGet("/sessions/{id:guid}/transcript", Handle)
        .WithSummary("A session's transcript, one entry a line; `follow=true` streams a live one")
        .WithDescription("A stream that follows a live session ends with the session (the line of kind `end`), with the caller's token, or, for who reads it because they owe a review, with that.")
        .Produces(StatusCodes.Status200OK, contentType: SessionStreams.Ndjson);

    private static async Task<IResult> Handle(Guid id, bool? follow, Handle handle, SessionStreams streams, ReviewsOwed owed, HttpContext http, CancellationToken cancel)
    {
        var caller = http.Caller();
        var reviewed = caller.SeesAll() ? null : await owed.To(caller.Actor, cancel);
        bool IsTheirs(Session.Known session) => Session.MayRead(session, caller.Actor, caller.SeesAll());
        var context = new EventContext(caller.Actor, http.Correlation());
        var handled = await handle.Run(
            new Handling<Session>(
                id, Session.StreamType, Session.Initial, Session.Evolve,
                state => state is Session.Known known && (IsTheirs(known) || reviewed?.Contains(known.Opened.Grant) == true)
                    ? Outcome.Of(new TranscriptRead(id, caller.Actor, follow ?? false))
                    : Outcome.Refuse("no-such-session", "there is no such session"),
                context),
            cancel);
        if (handled.Refusal is { } refusal)
        {
            return Problems.Of(refusal);
        }
        var read = (Session.Known)handled.State;
        Func<ValueTask<bool>> stillMay = IsTheirs(read) ? () => ValueTask.FromResult(true) : () => owed.Are(read.Opened.Grant, caller.Actor, cancel);
        return Results.Stream(body => Write(streams, id, follow == true ? caller.Until : null, stillMay, body, cancel), SessionStreams.Ndjson);
    }

    /// <param name="stillMay">Whoever may read it for the review that they owe may no longer when it is given.</param>
    private static async Task Write(
        SessionStreams streams, Guid id, DateTimeOffset? followUntil, Func<ValueTask<bool>> stillMay, Stream body, CancellationToken cancel)
    {
        await foreach (var recorded in streams.Segments(id, followUntil, cancel))
        {
            if (!await stillMay())
            {
                return;
            }
            var head = Convert.FromHexString(recorded.PreviousHead);
            var text = new StringBuilder();
            foreach (var line in Segment.Lines(recorded.Entries))
            {
                HashChain.Advance(head, Encoding.UTF8.GetBytes(line));
                text.Append(HashChain.Export(line, head)).Append('\n');
            }
            await body.WriteAsync(Encoding.UTF8.GetBytes(text.ToString()), cancel);
            await body.FlushAsync(cancel);
        }
    }
}

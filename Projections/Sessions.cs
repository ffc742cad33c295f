using AccessPlane.Contracts;
using AccessPlane.Contracts.Events;
using AccessPlane.Contracts.Identity;
using AccessPlane.Contracts.Policy;
using AccessPlane.Contracts.Transcripts;

namespace AccessPlane.Projections;

/// <param name="State">Open, Closed, Terminated, Lost.</param>
/// <param name="Cause">How it ended.</param>
/// <param name="CutLatency">From the agent's receipt of the order to the cut.</param>
/// <param name="Head">The transcript's head, lower-case hex: what the whole session's evidence comes down to.</param>
/// <param name="Masked">Values of rows that were hidden.</param>
/// <param name="DatabaseLogin">The just-in-time login it has at the database, and which mask rules it meets there; absent where it used the agent's own credential.</param>
/// <param name="Gaps">Evidence that is missing or does not check out.</param>
public sealed record SessionRow(
    Guid Id, Guid Grant, string Entitlement, Actor Holder, string Resource, string Agent, string State, string Database, string Client, string Application,
    DateTimeOffset StartedAt, DateTimeOffset? EndedAt, string? Cause, TimeSpan? CutLatency, long Operations, long Denied, long Held, long Masked,
    long Rows, long Entries, int Segments, string Head, IReadOnlyList<string> Gaps, long Number, long PolicyVersion, long Version,
    SessionLogin? DatabaseLogin = null);

/// <summary>Every session, with what its transcript adds up to.</summary>
public sealed class Sessions() : Projection<SessionRow>(
    "sessions",
    typeof(SessionOpened), typeof(TranscriptRecorded), typeof(SessionClosed), typeof(SessionTerminated), typeof(SessionLost), typeof(EvidenceGapFound),
    typeof(SessionTerminationOrdered), typeof(TranscriptRead), typeof(DetectorHit))
{
    public override IReadOnlyList<string> Columns =>
    [
        "state text GENERATED ALWAYS AS (row ->> 'state') STORED",
        "resource text GENERATED ALWAYS AS (row ->> 'resource') STORED",
        "grant_id text GENERATED ALWAYS AS (row ->> 'grant') STORED",
        "holder text GENERATED ALWAYS AS ((row -> 'holder' ->> 'issuer') || '|' || (row -> 'holder' ->> 'subject')) STORED",
    ];

    public override IReadOnlyList<(string Name, string Definition)> Indexes =>
    [
        ("holder", "(holder, key)"),
        ("state", "(state, key)"),
        ("grant", "(grant_id, key)"),
    ];

    public override IEnumerable<Change> Changes(Stored stored)
    {
        ArgumentNullException.ThrowIfNull(stored);
        var key = stored.Stream.ToString("D");
        yield return stored.Event is SessionOpened opened
            ? Begin(key, Opened(opened, stored))
            : Update(key, row => Apply(row, stored) with { Version = stored.Version });
    }

    private static SessionRow Opened(SessionOpened e, Stored stored) => new(
        e.Session, e.Grant, e.Entitlement, e.Holder, e.Resource, e.Agent, "Open", e.Database, e.Client, e.Application, e.StartedAt, null, null, null,
        0, 0, 0, 0, 0, 0, 0, "", [], e.Number, e.PolicyVersion, stored.Version, e.DatabaseLogin);

    private static SessionRow Apply(SessionRow row, Stored stored) => stored.Event switch
    {
        TranscriptRecorded e => Recorded(row, e),
        SessionClosed e => row with { State = "Closed", EndedAt = e.EndedAt, Cause = e.Cause },
        SessionTerminated e => row with { State = "Terminated", EndedAt = e.EndedAt, Cause = e.Cause, CutLatency = e.CutLatency },
        SessionLost e => row with { State = "Lost", EndedAt = e.LastKnownAt, Cause = "lost" },
        EvidenceGapFound e => row with { Gaps = [.. row.Gaps, $"{e.Kind}: {e.Detail}"] },
        _ => row,
    };

    private static SessionRow Recorded(SessionRow row, TranscriptRecorded e)
    {
        var after = row with { Segments = e.Number, Entries = e.LastSeq, Head = e.Head };
        foreach (var entry in RecordedEntry.Of(e))
        {
            after = entry.Kind switch
            {
                "statement" => after with
                {
                    Operations = after.Operations + 1,
                    Denied = after.Denied + (entry.Effect == Effect.Deny ? 1 : 0),
                },
                "hold" => after with { Held = after.Held + 1 },
                "result" => after with { Rows = after.Rows + (entry.Rows ?? 0), Masked = after.Masked + (entry.Masked ?? 0) },
                _ => after,
            };
        }
        return after;
    }
}

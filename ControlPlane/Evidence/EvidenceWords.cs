using System.Globalization;
using System.Text;
using System.Xml;
using AccessPlane.Contracts;
using AccessPlane.Contracts.Events;
using AccessPlane.Contracts.Policy;
using AccessPlane.Contracts.Transcripts;

namespace AccessPlane.ControlPlane.Evidence;

/// <summary>What happened, in words.</summary>
internal static class EvidenceWords
{
    public static string Of(IEvent e) => e switch
    {
        RequestSubmitted r => $"{r.Requester.Display} asked for `{r.Entitlement}` on `{r.Resource}` for {XmlConvert.ToString(r.Duration)}" +
            $"{Because(r.Reason)}{(r.Reference is { } reference ? $", reference `{reference}`" : "")}" +
            (r.Steps.Count == 0 ? "; nobody had to approve" : $"; {r.Steps.Sum(s => s.Count)} had to approve"),
        ReviewGiven v => $"{v.Reviewer.Display} {(v.Verdict == ReviewVerdict.Approve ? "approved" : "denied")}{Because(v.Comment)}",
        ReviewRefused v => $"a review of {v.Reviewer.Display} was not taken: {v.Detail}",
        ReviewLapsed v => $"the review of {v.Reviewer} did not count any more: {v.Why}",
        RequestApproved a => a.Reviewers.Count == 0 ? $"approved automatically, grant {a.Grant:D}" : $"approved by {string.Join(", ", a.Reviewers)}, grant {a.Grant:D}",
        RequestDenied d => $"denied by {d.Reviewer.Display}{Because(d.Comment)}",
        RequestCancelled c => $"cancelled by {c.By.Display}{Because(c.Why)}",
        GrantIssued g => $"`{g.Entitlement}` on `{g.Resource}` for {g.Holder.Display}, {XmlConvert.ToString(g.Duration)}{(g.BreakGlass ? ", by breaking the glass" : "")}",
        GrantActivated a => $"in force until {Time(a.NotAfter)}, {ScopeOf(a.Scope)}",
        GrantExtended x => $"extended to {Time(x.NotAfter)} by the request {x.Request:D}",
        GrantNarrowed n => $"narrowed: {n.Why}; until {Time(n.NotAfter)}, {ScopeOf(n.Scope)}",
        GrantRevoked r => $"revoked by {r.By.Display}{Because(r.Why)}",
        GrantSurrendered s => $"given back by {s.By.Display}",
        TicketIssued t => $"ticket {t.Ticket} for {t.Connections} connection(s) at the agent {t.Agent}",
        RevocationAcknowledged a => $"the agent {a.Agent} put the end in force and cut {a.Sessions} session(s)",
        SessionOpened o => $"{o.Holder.Display} connected to `{o.Database}` from {o.Client} with `{o.Application}`, {Time(o.StartedAt)} by the agent's clock",
        SessionTerminated t => $"ended: {t.Cause}",
        SessionTerminationOrdered o => $"{o.By.Display} ordered its end{Because(o.Why)}",
        TranscriptRead r => $"{r.Reader.Display} read the transcript",
        DetectorHit d => $"operation {d.Op}: {d.Detector} found in the column `{d.Column}` {d.Count} time(s), and hidden",
        OperationHeld h => $"operation {h.Operation.Op} of the session {h.Operation.Session:D} had to wait ({h.Operation.Rule}): {h.Operation.Text}",
        HoldReviewGiven v => $"{v.Reviewer.Display} {(v.Verdict == ReviewVerdict.Approve ? "approved" : "denied")}{Because(v.Comment)}",
        HoldReleased r => $"released by {r.By}",
        HoldRefused r => $"refused by {r.Reviewer.Display}{Because(r.Comment)}",
        HoldAbandoned a => $"abandoned: {a.Why}",
        EvidenceGapFound g => $"{g.Kind}: {g.Detail}",
        _ => Words(e.GetType().Name),
    };

    /// <summary>How an entry of a transcript went.</summary>
    public static string Of(TranscriptEntry entry)
    {
        string?[] parts =
        [
            entry.Effect is { } effect && effect != Effect.Allow ? effect.ToString().ToLowerInvariant() : null,
            entry.Effect is null or Effect.Allow ? null : string.Join(", ", entry.Reasons?.Select(r => $"{r.Rule}: {r.Text}") ?? []),
            entry.Outcome, entry.Tag, entry.Rows is { } rows ? $"{rows} rows" : null, entry.Masked is { } masked and > 0 ? $"{masked} values hidden" : null,
            entry.Error is { } error ? $"{error.Code} {error.Message}" : null, entry.Cause, entry.By is { } by ? $"by {by}" : null, entry.Note,
            entry.Start is { } start ? $"{start.Holder.Display} from {start.Client}, logged in by {start.Login}" : null,
            entry.Values is { } sent ? $"{sent.Count} rows as they were sent" : null,
            entry.RowsOmitted is { } more ? $"{more} {(entry.Values is null ? "" : "more ")}rows ({entry.BytesOmitted} bytes) were not kept" : null,
            entry.TextOmitted is { } left ? $"{left} bytes of the statement are not shown; SHA-256 {entry.TextHash}" : null,
        ];
        return string.Join("; ", parts.Where(p => !string.IsNullOrEmpty(p)));
    }

    private static string Because(string? why) => string.IsNullOrEmpty(why) ? "" : $": “{why}”";

    private static string ScopeOf(Scope scope) =>
        $"databases {(scope.Databases.Count == 0 ? "all" : string.Join(", ", scope.Databases))}, statements {(scope.Statements.Count == 0 ? "all" : string.Join(", ", scope.Statements))}";

    private static string Time(DateTimeOffset at) => at.UtcDateTime.ToString("yyyy-MM-dd HH:mm:ss 'UTC'", CultureInfo.InvariantCulture);

    /// <summary>`GrantExpired` → `grant expired`.</summary>
    private static string Words(string name)
    {
        var words = new StringBuilder();
        foreach (var c in name)
        {
            words.Append(char.IsAsciiLetterUpper(c) && words.Length > 0 ? " " : "").Append(char.ToLowerInvariant(c));
        }
        return words.ToString();
    }
}

using System.Security.Cryptography;
using System.Text.Json;
using AccessPlane.Contracts;
using AccessPlane.Contracts.Events;
using AccessPlane.Contracts.Evidence;
using AccessPlane.Contracts.Transcripts;
using AccessPlane.ControlPlane.Keys;

namespace AccessPlane.ControlPlane.Evidence;

/// <summary>A case as a page that a person reads and prints: one file, nothing fetched, nothing that runs. What it says is proven by the JSON document.</summary>
public sealed class EvidencePage(EvidenceLog evidence, SigningKeys keys)
{
    private const string Style = """
        body{font:14px/1.45 system-ui,sans-serif;color:#1a1a1a;max-width:72rem;margin:2rem auto;padding:0 1rem}
        h1{font-size:1.5rem}h2{font-size:1.15rem;margin-top:2rem;border-bottom:1px solid #bbb}h3{font-size:1rem;margin:1.4rem 0 .3rem}
        table{border-collapse:collapse;width:100%}th,td{text-align:left;vertical-align:top;padding:.2rem .6rem .2rem 0;border-bottom:1px solid #e3e3e3}
        th{font-weight:600}td:first-child{white-space:nowrap}pre,code{font:12px/1.4 ui-monospace,monospace;white-space:pre-wrap;overflow-wrap:anywhere;margin:0}
        .bad{color:#a40000;font-weight:600}.quiet{color:#666}
        @media print{body{margin:0;max-width:none}tr,h3{break-inside:avoid}h2,h3{break-after:avoid}thead{display:table-header-group}}
        """;

    public async Task Write(EvidenceCase about, Stream body, CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(about);
        ArgumentNullException.ThrowIfNull(body);
        var html = new HtmlText(body);
        var told = new List<(LoggedEvent Logged, IEvent Event)>();
        await foreach (var logged in evidence.Streams(about.Streams, about.Agents, about.Chain.Tip, cancel))
        {
            told.Add((logged, logged.Event));
        }
        html.Raw($"<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>Evidence</title><style>{Style}</style></head><body>");
        Title(html, about);
        Findings(html, told);
        Streams(html, "Requests", told, e => e is RequestSubmitted);
        Streams(html, "Grants", told, e => e is GrantIssued);
        Streams(html, "Operations that waited for people", told, e => e is OperationHeld);
        html.Raw("<h2>Sessions</h2>");
        if (about.Sessions.Count == 0)
        {
            html.Raw("<p>There was none.</p>");
        }
        foreach (var head in about.Sessions)
        {
            await Session(html, about, head, told, cancel);
        }
        Proof(html, about, told);
        html.Raw("</body></html>\n");
        await html.Send(cancel);
    }

    private static void Title(HtmlText html, EvidenceCase about)
    {
        var subject = about.About switch
        {
            { Request: { } request } => $"of the request {request:D}",
            { Session: { } session } => $"of the session {session:D}",
            var period => $"from {Time(period.From!.Value)} to {(period.To is { } to ? Time(to) : Time(about.ExportedAt))}{(period.Resource is { } only ? $" on {only}" : "")}",
        };
        html.Raw("<h1>").Text($"Evidence {subject}").Raw("</h1><p>").Text($"Exported {Time(about.ExportedAt)} by {about.Export.By.Display} ({about.Export.By.ChainKey}), export {about.Export.Export:D}.");
        html.Raw("</p>");
    }

    private static void Findings(HtmlText html, List<(LoggedEvent Logged, IEvent Event)> told)
    {
        var found = told.Where(t => t.Event is EvidenceGapFound).ToList();
        if (found.Count > 0)
        {
            html.Raw("<h2 class=\"bad\">What is missing or did not check out</h2><table>");
            foreach (var (logged, e) in found)
            {
                html.Row(logged.At, ((EvidenceGapFound)e).Kind, ((EvidenceGapFound)e).Detail);
            }
            html.Raw("</table>");
        }
    }

    /// <summary>One table a stream, of what happened to it.</summary>
    private static void Streams(HtmlText html, string title, List<(LoggedEvent Logged, IEvent Event)> told, Func<IEvent, bool> isFirst)
    {
        var streams = told.Where(t => isFirst(t.Event)).ToList();
        if (streams.Count == 0)
        {
            return;
        }
        html.Raw("<h2>").Text(title).Raw("</h2>");
        foreach (var (first, _) in streams)
        {
            html.Raw("<h3>").Text($"{first.Stream:D}").Raw("</h3><table>");
            foreach (var (logged, e) in told.Where(t => t.Logged.Stream == first.Stream))
            {
                html.Row(logged.At, EvidenceWords.Of(e), StoredJson.ContextOf(logged.Headers!, null, null).Actor.Display);
            }
            html.Raw("</table>");
        }
    }

    private async Task Session(HtmlText html, EvidenceCase about, SessionHead head, List<(LoggedEvent Logged, IEvent Event)> told, CancellationToken cancel)
    {
        html.Raw("<h3>").Text($"Session {head.Session:D}").Raw("</h3><p>");
        html.Text($"{head.Resource}, by the agent {head.Agent} (its session number {head.Number}), under the grant {head.Grant:D}. ");
        html.Text(head.Final ? $"{head.Entries} entries, complete." : $"{head.Entries} entries; it had no end when this was exported.").Raw("</p><table>");
        foreach (var (logged, e) in told.Where(t => t.Logged.Stream == head.Session && t.Event is not EvidenceGapFound))
        {
            html.Row(logged.At, EvidenceWords.Of(e), StoredJson.ContextOf(logged.Headers!, null, null).Actor.Display);
        }
        html.Raw("</table><table><thead><tr><th>no.</th><th>time</th><th>what</th><th>how it went</th></tr></thead>");
        var segments = 0;
        await foreach (var logged in evidence.Segments(head.Session, about.Chain.Tip, cancel))
        {
            segments++;
            foreach (var line in Segment.Lines(((TranscriptRecorded)logged.Event).Entries))
            {
                Entry(html, JsonSerializer.Deserialize<TranscriptEntry>(line, Json.Options)!);
            }
            await html.Send(cancel);
        }
        html.Raw("</table>");
        if (segments == 0 && head.Segments > 0)
        {
            html.Raw("<p class=\"bad\">").Text($"A checkpoint holds {head.Segments} segments of this session, and the log holds none any more.").Raw("</p>");
        }
    }

    /// <summary>What the statements were judged by is left to the document: here it would hide them.</summary>
    private static void Entry(HtmlText html, TranscriptEntry entry)
    {
        if (entry.Kind is "facts" or "scope")
        {
            return;
        }
        html.Raw("<tr><td>").Text(entry.Op is { } op ? $"{entry.Seq} · op {op}" : $"{entry.Seq}").Raw("</td><td>").Text(Time(entry.At)).Raw("</td><td>").Text(entry.Kind);
        if (entry.Text is { } text)
        {
            html.Raw("<pre>").Text(text).Raw("</pre>");
        }
        if (entry.Params is { Count: > 0 } bound)
        {
            html.Raw("<code>").Text(string.Join(", ", bound.Select((p, i) => $"${i + 1} = {p.GetRawText()}"))).Raw("</code>");
        }
        Rows(html, entry);
        html.Raw("</td><td>").Text(EvidenceWords.Of(entry)).Raw("</td></tr>");
    }

    /// <summary>What the client was sent, where that is recorded.</summary>
    private static void Rows(HtmlText html, TranscriptEntry entry)
    {
        if (entry.Values is not { } rows)
        {
            return;
        }
        html.Raw("<table>");
        if (entry.Columns is { Count: > 0 } columns)
        {
            html.Row(columns.Select(c => c.Name));
        }
        foreach (var row in rows)
        {
            html.Row(row.Select(v => v.ValueKind == JsonValueKind.String ? v.GetString()! : v.GetRawText()));
        }
        html.Raw("</table>");
    }

    private void Proof(HtmlText html, EvidenceCase about, List<(LoggedEvent Logged, IEvent Event)> told)
    {
        var last = about.Chain.Last!;
        html.Raw("<h2>How this is proven</h2><p>");
        html.Text("Agents sign every segment of a transcript, and the control plane signs checkpoints of all that is recorded. This page shows it and proves nothing by itself. " +
            "Export the same as JSON and check it without this server: ");
        html.Raw("<code>infra/verify-evidence pack.json --checkpoints DIRECTORY</code></p><table>");
        html.Row("last checkpoint", $"number {last.Number}, {Time(last.At)}", $"hash {last.Hash()}");
        html.Row("control plane", "ECDSA P-256", $"key sha256:{Fingerprint(keys.SigningPublicKey)}");
        foreach (var enrolled in told.Select(t => t.Event).OfType<AgentEnrolled>())
        {
            html.Row($"agent {enrolled.Agent}", "ECDSA P-256", enrolled.PublicKey.Length == 0 ? "no key" : $"key sha256:{Fingerprint(enrolled.PublicKey)}");
        }
        foreach (var head in about.Sessions)
        {
            html.Row($"session {head.Session:D}", $"{head.Segments} segments", $"head {head.Head}");
        }
        html.Raw("</table>");
    }

    private static string Fingerprint(string publicKey) => Convert.ToHexStringLower(SHA256.HashData(Convert.FromBase64String(publicKey)));

    private static string Time(DateTimeOffset at) => at.UtcDateTime.ToString("yyyy-MM-dd HH:mm:ss.fff 'UTC'", System.Globalization.CultureInfo.InvariantCulture);
}

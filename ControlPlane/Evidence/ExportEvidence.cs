using System.Text.Json;
using AccessPlane.Contracts;
using AccessPlane.Contracts.Events;
using AccessPlane.ControlPlane.EventStore;
using AccessPlane.ControlPlane.Http;

namespace AccessPlane.ControlPlane.Evidence;

/// <summary>
/// Evidence of a request, a session or a period, to take away: a document that can be verified without this server, or a page for people. That it was
/// taken is recorded first, and covered by a checkpoint like all else in it.
/// </summary>
public sealed class ExportEvidence(
    EventLog log, CheckpointChains chains, TakeCheckpoint take, EvidenceCases cases, EvidencePack pack, EvidencePage page, TimeProvider clock)
{
    public const string StreamType = "evidence-export";
    private const string JsonType = "application/json";
    private const string HtmlType = "text/html";

    internal static void Map(IEndpointRouteBuilder routes) => routes
        .MapGet("/audit/evidence", (HttpContext http, ExportEvidence export, CancellationToken cancel) => export.Answer(http, cancel))
        .TakesQuery("request", "session", "from", "to", "resource")
        .WithName("ExportEvidence").WithSummary("Evidence to take away, verifiable without this server")
        .WithDescription(
            "One of `request` (it, its reviews, its grant, all sessions under that), `session`, or `from` with `to` (default: now): everything that began in that time, " +
            "on one `resource` or on all. A JSON document that `infra/verify-evidence` checks; with `Accept: text/html` a page to read and to print.")
        .Produces<JsonElement>(StatusCodes.Status200OK, JsonType, HtmlType);

    private async Task<IResult> Answer(HttpContext http, CancellationToken cancel)
    {
        var caller = http.Caller();
        if (!caller.SeesAll())
        {
            return Problems.Of("auditors-only", "evidence is for auditors and admins");
        }
        var ask = new ListQuery(http);
        var about = AboutOf(ask);
        if (ask.WhyNot() is { } wrong)
        {
            return wrong;
        }
        if (await IsMissing(about, cancel) is { } missing)
        {
            return Problems.Of(missing);
        }
        var (html, now) = (WantsHtml(http.Request), clock.GetUtcNow());
        var export = new EvidenceExported(Guid.CreateVersion7(now), about.Request, about.Session, about.From, about.To, about.Resource, html ? "html" : "json", caller.Actor);
        var appended = await log.Append(
            new Append([new StreamAppend(export.Export, StreamType, 0, [export])], new EventContext(caller.Actor, http.Correlation())), cancel);
        var chain = await take.Covering(((Appended.Done)appended).Position, cancel);
        var gathered = await cases.Gather(about, export, now, chain, cancel);
        if (html)
        {
            // nothing in it may run or be fetched, whatever somebody typed
            http.Response.Headers.ContentSecurityPolicy = "default-src 'none'; style-src 'unsafe-inline'";
            http.Response.Headers.XContentTypeOptions = "nosniff";
        }
        return html
            ? Results.Stream(body => page.Write(gathered, body, cancel), $"{HtmlType}; charset=utf-8")
            : Results.Stream(body => pack.Write(gathered, body, cancel), JsonType);
    }

    private static EvidenceAbout AboutOf(ListQuery ask)
    {
        var about = new EvidenceAbout(ask.Id("request"), ask.Id("session"), ask.Time("from"), ask.Time("to"), ask.Text("resource"));
        var subjects = new[] { ask.Text("request"), ask.Text("session"), ask.Text("from") }.Count(t => t is not null);
        if (subjects != 1)
        {
            ask.Wrong("request", "give one of `request`, `session` and `from`", subjects);
        }
        if (ask.Text("from") is null && (about.To is not null || about.Resource is not null))
        {
            ask.Wrong("from", "`to` and `resource` go with `from`", subjects);
        }
        if (about.From >= about.To)
        {
            ask.Wrong("to", "must be behind `from`", subjects);
        }
        return about;
    }

    /// <summary>A session whose head a checkpoint holds is there, whatever became of the rest of it.</summary>
    private async Task<Refusal?> IsMissing(EvidenceAbout about, CancellationToken cancel)
    {
        if (about.Request is { } request)
        {
            return (await log.ReadStream(request, cancel)).Any(s => s.Event is RequestSubmitted) ? null : new Refusal("no-such-request", "there is no such request");
        }
        return about.Session is not { } session || (await chains.Current(cancel)).Heads.ContainsKey(session) ||
            (await log.ReadStream(session, cancel)).Any(s => s.Event is SessionOpened)
            ? null
            : new Refusal("no-such-session", "there is no such session");
    }

    private static bool WantsHtml(HttpRequest request)
    {
        var accepts = request.GetTypedHeaders().Accept;
        double Quality(string type) => accepts.Where(a => a.MediaType.Equals(type, StringComparison.OrdinalIgnoreCase)).Select(a => a.Quality ?? 1).DefaultIfEmpty(0).Max();
        return Quality(HtmlType) > Quality(JsonType);
    }
}

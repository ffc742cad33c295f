using System.Net;
using System.Text.Json;
using System.Text.RegularExpressions;
using AccessPlane.Contracts.Events;
using AccessPlane.ControlPlane.EventStore;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace AccessPlane.Tests.Integration.Checkpoints;

/// <summary>Who gets evidence, what they are told, and the page for people.</summary>
public sealed class EvidencePageTests(EvidenceWorld world) : IClassFixture<EvidenceWorld>
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    private async Task<(HttpStatusCode Status, string Code)> Ask(string query, string subject = "auditor", string group = "auditors")
    {
        using var client = world.Host.Client(subject, group);
        using var answer = await client.GetAsync(new Uri($"/v1/audit/evidence?{query}", UriKind.Relative), Cancel);
        return (answer.StatusCode, JsonSerializer.Deserialize<JsonElement>(await answer.Content.ReadAsStringAsync(Cancel)).GetProperty("code").GetString()!);
    }

    [Fact]
    public async Task Evidence_is_for_auditors_and_admins() =>
        Assert.Equal((HttpStatusCode.Forbidden, "auditors-only"), await Ask($"request={world.Request}", "engineer", "engineering"));

    [Theory]
    [InlineData("", 422, "invalid")]
    [InlineData("request=x", 422, "invalid")]
    [InlineData("request=0199aaaa-0000-7000-8000-000000000001&session=0199aaaa-0000-7000-8000-000000000001", 422, "invalid")]
    [InlineData("request=0199aaaa-0000-7000-8000-000000000001&resource=orders", 422, "invalid")]
    [InlineData("from=2026-01-02&to=2026-01-01", 422, "invalid")]
    [InlineData("to=2026-01-01", 422, "invalid")]
    [InlineData("requests=1", 422, "unknown-parameter")]
    [InlineData("request=0199aaaa-0000-7000-8000-000000000001", 404, "no-such-request")]
    [InlineData("session=0199aaaa-0000-7000-8000-000000000001", 404, "no-such-session")]
    public async Task What_makes_no_sense_or_is_not_there_is_told_so(string query, int status, string code) =>
        Assert.Equal(((HttpStatusCode)status, code), await Ask(query));

    [Fact]
    public async Task Who_took_evidence_is_recorded()
    {
        await world.Export($"session={world.First}");
        var found = await world.Host.Get("/v1/audit/events?type=evidence_exported&limit=1000");
        var mine = found.GetProperty("items").EnumerateArray().Select(e => e.GetProperty("data")).Where(d => d.TryGetProperty("session", out var s) && s.GetGuid() == world.First);
        Assert.Contains(mine, d => d.GetProperty("by").GetProperty("subject").GetString() == "auditor" && d.GetProperty("format").GetString() == "json");
    }

    [Fact]
    public async Task The_page_tells_the_story_and_nothing_in_it_runs_or_is_fetched()
    {
        using var auditor = world.Host.Client("auditor", "auditors");
        auditor.DefaultRequestHeaders.Accept.ParseAdd("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8");
        using var answer = await auditor.GetAsync(new Uri($"/v1/audit/evidence?request={world.Request}", UriKind.Relative), Cancel);
        var html = await answer.Content.ReadAsStringAsync(Cancel);
        Assert.Equal("text/html", answer.Content.Headers.ContentType?.MediaType);
        Assert.Equal("default-src 'none'; style-src 'unsafe-inline'", Assert.Single(answer.Headers.GetValues("Content-Security-Policy")));
        var text = WebUtility.HtmlDecode(Regex.Replace(html, "<[^>]*>", " "));
        Assert.Contains("engineer asked for `orders-write` on `orders`", text, StringComparison.Ordinal);
        Assert.Contains("dba approved: “the ticket is known”", text, StringComparison.Ordinal);
        Assert.Contains("delete from shop.orders where note = '<b>\"é\"</b>'", text, StringComparison.Ordinal);
        Assert.DoesNotContain("<b>", html, StringComparison.Ordinal);
        Assert.DoesNotMatch("(?i)<script|<img|<link|<iframe|src=|href=|url\\(|@import", html);
    }

    [Fact]
    public async Task Evidence_is_taken_of_what_just_happened_too()
    {
        // no checkpoint is due for a minute: one is taken for the export
        var log = world.Host.Services.GetRequiredService<EventLog>();
        var request = await world.Host.Ask("engineer", "orders-write");
        await world.Approved(request);
        var pack = await world.Export($"request={request}");
        Assert.Contains(request.ToString("D"), pack, StringComparison.Ordinal);
        Assert.Equal(0, (await EvidenceWorld.Verify(pack)).Status);
        Assert.Contains(await log.ReadStream(request, Cancel), s => s.Event is ReviewGiven);
    }

    [Fact]
    public async Task What_never_arrived_is_told_and_passes_for_no_forgery()
    {
        var grant = (await world.Host.Get($"/v1/requests/{world.Request}")).GetProperty("grantId").GetGuid();
        var session = await world.Record(grant, 4, [2], "select 5", "select 6");
        var ran = await EvidenceWorld.Verify(await world.Export($"session={session}"));
        Assert.True(ran.Status == 0, ran.Error);
        Assert.Contains($"note: session {session}: segments 2 to 2 never arrived; the log says so", ran.Out, StringComparison.Ordinal);
        Assert.Contains("never arrived", await EvidenceWorld.Export(world.Host, $"session={session}", "text/html"), StringComparison.Ordinal);
    }
}

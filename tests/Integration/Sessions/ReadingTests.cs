using System.Net;
using System.Text.Json;
using Xunit;

namespace AccessPlane.Tests.Integration.Sessions;

/// <summary>Who reads what others typed is in the log before they have seen a line of it.</summary>
public sealed class ReadingTests(SharedControlPlane plane) : IClassFixture<SharedControlPlane>
{
    private const string Typed = "select what_was_typed";
    private readonly ControlPlaneHost host = plane.Host;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    private Task<Guid> Recorded(string holder) => SeededSession.Recorded(host, holder, Guid.CreateVersion7(), Typed);

    private async Task<List<(string By, bool Followed)>> Readings(Guid session) =>
    [
        .. (await host.Get($"/v1/audit/events?stream={session}&type=transcript_read")).GetProperty("items").EnumerateArray().Select(e => (
            e.GetProperty("headers").GetProperty("actor").GetProperty("subject").GetString()!, e.GetProperty("data").GetProperty("follow").GetBoolean())),
    ];

    private async Task<HttpStatusCode> Read(string who, string group, string path, bool typed)
    {
        using var client = host.Client(who, group);
        using var answer = await client.GetAsync(new Uri(path, UriKind.Relative), Cancel);
        Assert.Equal(typed, (await answer.Content.ReadAsStringAsync(Cancel)).Contains(Typed, StringComparison.Ordinal));
        return answer.StatusCode;
    }

    [Fact]
    public async Task Each_reading_of_a_transcript_is_an_event_whoever_reads()
    {
        var session = await Recorded("typist");
        Assert.Equal(HttpStatusCode.OK, await Read("auditor", "auditors", $"/v1/sessions/{session}/transcript", typed: true));
        Assert.Equal(HttpStatusCode.OK, await Read("auditor", "auditors", $"/v1/sessions/{session}/transcript", typed: true));
        Assert.Equal(HttpStatusCode.OK, await Read("admin", "admins", $"/v1/sessions/{session}/transcript", typed: true));
        Assert.Equal(HttpStatusCode.OK, await Read("typist", "engineering", $"/v1/sessions/{session}/transcript", typed: true));
        Assert.Equal([("auditor", false), ("auditor", false), ("admin", false), ("typist", false)], await Readings(session));
    }

    [Fact]
    public async Task The_log_that_is_searched_says_that_a_transcript_came_and_not_what_was_typed()
    {
        var session = await Recorded("typist");
        Assert.Equal(HttpStatusCode.OK, await Read("auditor", "auditors", $"/v1/audit/events?stream={session}", typed: false));
        var recorded = Assert.Single((await host.Get($"/v1/audit/events?stream={session}&type=transcript_recorded")).GetProperty("items").EnumerateArray());
        Assert.Equal(1, recorded.GetProperty("data").GetProperty("lastSeq").GetInt64());
        Assert.Empty(await Readings(session));
    }

    [Fact]
    public async Task Who_follows_a_live_one_is_in_the_log_when_the_first_line_comes()
    {
        var session = await Recorded("typist");
        using var client = host.Client("auditor", "auditors");
        using var answer = await client.GetAsync(new Uri($"/v1/sessions/{session}/transcript?follow=true", UriKind.Relative), HttpCompletionOption.ResponseHeadersRead, Cancel);
        using var lines = new StreamReader(await answer.Content.ReadAsStreamAsync(Cancel));
        Assert.Contains(Typed, await lines.ReadLineAsync(Cancel), StringComparison.Ordinal);
        Assert.Equal([("auditor", true)], await Readings(session));
    }

    [Fact]
    public async Task A_search_of_what_others_ran_is_an_event_and_a_page_that_follows_along_is_one_search()
    {
        var words = $"nobodyranthis{Guid.CreateVersion7():N}";
        async Task<List<JsonElement>> Searches() =>
        [
            .. (await host.Get("/v1/audit/events?type=operations_searched&limit=1000")).GetProperty("items").EnumerateArray().Select(e => e.GetProperty("data"))
                .Where(d => d.GetProperty("by").TryGetProperty("text", out var text) && text.GetString() == words),
        ];
        await host.Get($"/v1/audit/operations?text={words}&verdict=deny");
        await host.Get($"/v1/audit/operations?text={words}&verdict=deny&limit=1");
        var searched = Assert.Single(await Searches());
        Assert.Equal(("auditor", "deny"), (searched.GetProperty("reader").GetProperty("subject").GetString(), searched.GetProperty("by").GetProperty("verdict").GetString()));
        await host.Get($"/v1/audit/operations?text={words}&verdict=hold");
        await host.Get($"/v1/audit/operations?text={words}&verdict=deny", "admin", "admins");
        Assert.Equal(3, (await Searches()).Count);

        // one's own is one's own; what cannot be searched for was not
        await host.Get($"/v1/audit/operations?text={words}", "engineer", "engineering");
        Assert.Equal("422 invalid", (await host.Send(HttpMethod.Get, $"/v1/audit/operations?text={words}&session=none", "auditor", "auditors")).Code);
        Assert.Equal(3, (await Searches()).Count);
    }

    [Fact]
    public async Task Who_may_not_read_reads_nothing_and_signatures_tell_nothing_of_what_was_typed()
    {
        var session = await Recorded("typist");
        foreach (var part in (string[])["transcript", "transcript?follow=true", "segments"])
        {
            Assert.Equal(HttpStatusCode.NotFound, await Read("stranger", "engineering", $"/v1/sessions/{session}/{part}", typed: false));
        }
        Assert.Equal(HttpStatusCode.OK, await Read("auditor", "auditors", $"/v1/sessions/{session}/segments", typed: false));
        Assert.Empty(await Readings(session));
    }
}

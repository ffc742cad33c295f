using System.Net;
using System.Text.Json;
using AccessPlane.Contracts;
using AccessPlane.Contracts.Events;
using AccessPlane.Contracts.Identity;
using AccessPlane.Contracts.Transcripts;
using AccessPlane.ControlPlane.EventStore;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace AccessPlane.Tests.Integration.Sessions;

/// <summary>Who reads what others typed is in the log before they have seen a line of it.</summary>
public sealed class ReadingTests(SharedControlPlane plane) : IClassFixture<SharedControlPlane>
{
    private const string Typed = "select what_was_typed";
    private readonly ControlPlaneHost host = plane.Host;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    /// <summary>A session that was recorded and has not ended.</summary>
    private async Task<Guid> Recorded(string holder)
    {
        var (session, at) = (Guid.CreateVersion7(), new DateTimeOffset(2026, 1, 31, 12, 0, 0, TimeSpan.Zero));
        var who = new Actor(host.Issuer.Address, holder, holder, ActorKind.Person, ["engineering"], new Dictionary<string, string>(), []);
        var line = JsonSerializer.Serialize(new TranscriptEntry(1, at, "statement", Op: 1, Protocol: "simple", Text: Typed), Json.Options) + "\n";
        IEvent[] events =
        [
            new SessionOpened(session, Guid.CreateVersion7(), "orders", "orders-agent", who, "orders", "127.0.0.1:1", "psql", at, 1, 1, "orders-read"),
            new TranscriptRecorded(
                session, "orders-agent", 1, 1, 1, new string('0', 64), Convert.ToHexStringLower(HashChain.Begin(session)), false, line, ""),
        ];
        Assert.IsType<Appended.Done>(await host.Services.GetRequiredService<EventLog>().Append(
            new Append([new StreamAppend(session, "session", 0, events)], new EventContext(Actor.System("test"), Guid.CreateVersion7())), Cancel));
        return session;
    }

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

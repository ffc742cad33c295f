using System.Net;
using System.Text;
using System.Text.Json;
using AccessPlane.Contracts;
using AccessPlane.Contracts.Events;
using AccessPlane.Contracts.Identity;
using AccessPlane.Contracts.Transcripts;
using AccessPlane.ControlPlane.EventStore;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace AccessPlane.Tests.Integration.Sessions;

/// <summary>A live session's transcript over HTTP, as it is recorded.</summary>
public sealed class FollowTests(SharedControlPlane plane) : IClassFixture<SharedControlPlane>
{
    private readonly ControlPlaneHost host = plane.Host;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    /// <summary>A session of which one part after the other comes to the log.</summary>
    private sealed class Recording
    {
        private static readonly DateTimeOffset At = new(2026, 1, 31, 12, 0, 0, TimeSpan.Zero);
        private readonly EventLog log;
        private readonly byte[] head;
        private int parts;

        public Recording(EventLog log)
        {
            this.log = log;
            head = HashChain.Begin(Session);
        }

        public Guid Session { get; } = Guid.CreateVersion7();

        /// <summary>All that was recorded, as whoever reads it has to see it.</summary>
        public List<string> Lines { get; } = [];

        public Task Begin(Actor holder) => Append(new SessionOpened(
            Session, Guid.CreateVersion7(), "orders", "orders-agent", holder, "orders", "127.0.0.1:1", "psql", At, 1, 1, "orders-read"));

        public Task Goes(params string[] texts) => Append(Part(
            false, [.. texts.Select((text, i) => new TranscriptEntry(Lines.Count + i + 1, At, "statement", Op: Lines.Count + i + 1, Protocol: "simple", Text: text))]));

        public Task Ends() => Append(Part(true, [new TranscriptEntry(Lines.Count + 1, At, "end", Cause: "closed")]), new SessionClosed(At, "closed"));

        private TranscriptRecorded Part(bool final, TranscriptEntry[] entries)
        {
            var (before, text) = (Convert.ToHexStringLower(head), new StringBuilder());
            foreach (var entry in entries)
            {
                var line = JsonSerializer.Serialize(entry, Json.Options);
                HashChain.Advance(head, Encoding.UTF8.GetBytes(line));
                Lines.Add(HashChain.Export(line, head));
                text.Append(line).Append('\n');
            }
            return new TranscriptRecorded(
                Session, "orders-agent", ++parts, entries[0].Seq, entries[^1].Seq, before, Convert.ToHexStringLower(head), final, text.ToString(), "");
        }

        private async Task Append(params IEvent[] events)
        {
            var version = (await log.ReadStream(Session, Cancel)).Count; // readings are events of it too
            Assert.IsType<Appended.Done>(await log.Append(
                new Append([new StreamAppend(Session, "session", version, events)], new EventContext(Actor.System("test"), Guid.CreateVersion7())), Cancel));
        }
    }

    private async Task<Recording> Begun()
    {
        var recording = new Recording(host.Services.GetRequiredService<EventLog>());
        await recording.Begin(new Actor(host.Issuer.Address, "typist", "typist", ActorKind.Person, ["engineering"], new Dictionary<string, string>(), []));
        return recording;
    }

    private static Uri Followed(Recording recording) => new($"/v1/sessions/{recording.Session}/transcript?follow=true", UriKind.Relative);

    private static Task<string?> Next(StreamReader lines) => lines.ReadLineAsync(Cancel).AsTask().WaitAsync(TimeSpan.FromSeconds(90), Cancel);

    [Fact]
    public async Task Who_follows_a_session_reads_each_part_when_it_is_recorded_and_the_answer_ends_with_the_last()
    {
        var recording = await Begun();
        await recording.Goes("select 1");
        using var client = host.Client("auditor", "auditors");
        using var answer = await client.GetAsync(Followed(recording), HttpCompletionOption.ResponseHeadersRead, Cancel);
        Assert.Equal((HttpStatusCode.OK, "application/x-ndjson"), (answer.StatusCode, answer.Content.Headers.ContentType?.MediaType));
        using var lines = new StreamReader(await answer.Content.ReadAsStreamAsync(Cancel));
        var read = new List<string?> { await Next(lines) };
        Assert.Equal<string?>(recording.Lines, read);

        var more = Next(lines);
        Assert.False(more.IsCompleted);
        await recording.Goes("select 2", "select 3");
        read.AddRange([await more, await Next(lines)]);
        Assert.Equal<string?>(recording.Lines, read);

        more = Next(lines);
        Assert.False(more.IsCompleted);
        await recording.Ends();
        read.Add(await more);
        Assert.Equal<string?>(recording.Lines, read);
        Assert.Null(await Next(lines));
    }

    [Fact]
    public async Task Who_follows_a_session_that_is_over_reads_all_of_it_and_waits_for_nothing()
    {
        var recording = await Begun();
        await recording.Goes("select 1", "select 2");
        await recording.Ends();
        using var client = host.Client("auditor", "auditors");
        var read = await client.GetStringAsync(Followed(recording), Cancel).WaitAsync(TimeSpan.FromSeconds(90), Cancel);
        Assert.Equal(recording.Lines, read.Split('\n', StringSplitOptions.RemoveEmptyEntries));
    }
}

using System.Net;
using System.Text;
using System.Text.Json;
using AccessPlane.Contracts;
using AccessPlane.Contracts.Events;
using AccessPlane.Contracts.Identity;
using AccessPlane.Contracts.Policy;
using AccessPlane.Contracts.Transcripts;
using Xunit;

namespace AccessPlane.Tests.Integration.Audit;

/// <summary>Who sees what, how lists are paged, and what the audit finds.</summary>
public sealed class AuditTests(SharedControlPlane plane) : AuditSpec(plane), IClassFixture<SharedControlPlane>
{
    private static readonly string[] Lists =
        ["requests", "grants", "sessions", "agents", "resources", "locks", "projections", "audit/events", "audit/operations", "audit/access"];
    private static readonly string[] Paged = ["requests", "grants", "sessions", "agents", "audit/events", "audit/operations"];

    public static TheoryData<string> EveryList => [.. Lists];
    public static TheoryData<string> EveryPagedList => [.. Paged];

    /// <summary>A session with statements, of a grant.</summary>
    private async Task<Guid> Session(Actor holder, string resource, params string[] texts)
    {
        var (session, grant) = (Guid.CreateVersion7(), Guid.CreateVersion7());
        var now = TimeProvider.System.GetUtcNow();
        var lines = new StringBuilder();
        for (var i = 0; i < texts.Length; i++)
        {
            lines.Append(JsonSerializer.Serialize(
                new TranscriptEntry(i + 1, now, "statement", Op: i + 1, Protocol: "simple", Text: texts[i], Effect: Effect.Allow, Policy: 1), Json.Options)).Append('\n');
        }
        await Append(session, "session", Actor.System("agent a"),
            new SessionOpened(session, grant, resource, "a", holder, "orders", "127.0.0.1:1", "psql", now, 1, 1, "orders-read"),
            new TranscriptRecorded(session, "a", 1, 1, texts.Length, new string('0', 64), Convert.ToHexStringLower(HashChain.Begin(session)), true, lines.ToString(), ""),
            new SessionClosed(now, "closed"));
        return session;
    }

    [Fact]
    public async Task Who_follows_a_live_session_is_shown_no_more_when_their_token_ends()
    {
        var session = Guid.CreateVersion7();
        var now = TimeProvider.System.GetUtcNow();
        var line = JsonSerializer.Serialize(new TranscriptEntry(1, now, "statement", Op: 1, Protocol: "simple", Text: "select 1", Effect: Effect.Allow, Policy: 1), Json.Options);
        await Append(session, "session", Actor.System("agent a"),
            new SessionOpened(session, Guid.CreateVersion7(), "orders", "a", Person("finn"), "orders", "127.0.0.1:1", "psql", now, 1, 1, "orders-read"),
            new TranscriptRecorded(session, "a", 1, 1, 1, new string('0', 64), Convert.ToHexStringLower(HashChain.Begin(session)), false, line + "\n", ""));
        using var follower = new HttpClient { BaseAddress = Host.Address, Timeout = TimeSpan.FromSeconds(30) };
        // it lives for five minutes, and a minute more because clocks differ: three seconds of them are left
        follower.DefaultRequestHeaders.Authorization = new("Bearer", Host.Issuer.Token("finn", now - TimeSpan.FromSeconds(357), "engineering"));
        using var answer = await follower.GetAsync(new Uri($"/v1/sessions/{session}/transcript?follow=true", UriKind.Relative), HttpCompletionOption.ResponseHeadersRead, Cancel);
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        var read = await answer.Content.ReadAsStringAsync(Cancel);
        Assert.StartsWith(line[..^1], Assert.Single(read.Split('\n', StringSplitOptions.RemoveEmptyEntries)), StringComparison.Ordinal);
        Assert.Equal(HttpStatusCode.Unauthorized, (await follower.GetAsync(new Uri($"/v1/sessions/{session}", UriKind.Relative), Cancel)).StatusCode);
    }

    [Fact]
    public async Task Everyone_sees_what_is_theirs_and_auditors_see_all()
    {
        var request = await Host.Ask("erin", "orders-write");
        var granted = await Host.Ask("erin", "orders-read");
        var session = await Session(Person("erin"), "orders", "select 'erins own'");
        string[] own = [$"requests/{request}", $"requests/{granted}", $"sessions/{session}", $"sessions/{session}/transcript", $"sessions/{session}/segments"];
        foreach (var path in own)
        {
            using var erin = Host.Client("erin", "engineering");
            using var stranger = Host.Client("stranger", "engineering");
            using var auditor = Auditor;
            Assert.Equal(HttpStatusCode.OK, (await erin.GetAsync(new Uri($"/v1/{path}", UriKind.Relative), Cancel)).StatusCode);
            Assert.Equal(HttpStatusCode.OK, (await auditor.GetAsync(new Uri($"/v1/{path}", UriKind.Relative), Cancel)).StatusCode);
            Assert.Equal(HttpStatusCode.NotFound, (await stranger.GetAsync(new Uri($"/v1/{path}", UriKind.Relative), Cancel)).StatusCode);
        }
        bool Holds(IEnumerable<JsonElement> items, Guid id) => items.Any(i => i.GetProperty("id").GetGuid() == id);
        Assert.True(Holds(await Items(Host.Client("erin", "engineering"), "requests"), request));
        Assert.True(Holds(await Items(Host.Client("dba", "dba"), "requests?awaiting=me"), request));
        Assert.False(Holds(await Items(Host.Client("stranger", "engineering"), "requests?limit=1000"), request));
        Assert.False(Holds(await Items(Host.Client("dba", "dba"), "requests?mine=true"), request));
        Assert.True(Holds(await Items(Auditor, "requests?limit=1000"), request));
        Assert.Single(await Items(Host.Client("erin", "engineering"), "audit/operations"));
        Assert.Empty(await Items(Host.Client("stranger", "engineering"), "audit/operations"));
        Assert.Empty(await Items(Host.Client("stranger", "engineering"), $"audit/operations?session={session}"));
        Assert.Empty(await Items(Host.Client("stranger", "engineering"), "sessions"));
        Assert.Contains(await Items(Auditor, "audit/operations?actor=erin"), o => o.GetProperty("text").GetString() == "select 'erins own'");
    }

    [Fact]
    public async Task Who_acts_in_a_persons_name_sees_what_it_did_and_not_what_the_person_did()
    {
        var assistant = Person("assistant") with { Kind = ActorKind.AiAgent };
        var own = await Session(Person("ada"), "orders", "select 'by ada herself'");
        var through = await Session(Person("ada", assistant), "orders", "select 'by her assistant'");
        Assert.Equal(["select 'by her assistant'"], (await Items(Acting("assistant", "ada"), "audit/operations")).Select(o => o.GetProperty("text").GetString()));
        Assert.Equal([through], (await Items(Acting("assistant", "ada"), "sessions")).Select(s => s.GetProperty("id").GetGuid()));
        Assert.Empty(await Items(Acting("another", "ada"), "audit/operations"));
        Assert.Equal(HttpStatusCode.NotFound, (await Get(Acting("assistant", "ada"), $"sessions/{own}")).Status);
        Assert.Equal(2, (await Items(Host.Client("ada", "engineering"), "audit/operations")).Count);
    }

    [Theory]
    [InlineData("audit/events")]
    [InlineData("audit/access")]
    [InlineData("locks")]
    [InlineData("projections")]
    public async Task What_shows_everybody_is_for_auditors_and_admins(string path)
    {
        foreach (var (who, group) in (IEnumerable<(string, string)>)[("engineer", "engineering"), ("dba", "dba"), ("security", "security")])
        {
            Assert.Equal(HttpStatusCode.Forbidden, (await Get(Host.Client(who, group), path)).Status);
        }
        Assert.Equal(HttpStatusCode.OK, (await Get(Auditor, path)).Status);
        Assert.Equal(HttpStatusCode.OK, (await Get(Host.Client("admin", "admins"), path)).Status);
        // a right that only one of the two links has is nobody's
        var (status, _) = await Get(Acting("assistant", "auditor"), path);
        Assert.Equal(HttpStatusCode.Forbidden, status);
    }

    [Theory]
    [MemberData(nameof(EveryList))]
    public async Task A_list_refuses_what_it_does_not_take_and_no_value_makes_it_fail(string path)
    {
        Assert.Equal(HttpStatusCode.UnprocessableEntity, (await Get(Auditor, $"{path}?nothing=1")).Status);
        Assert.Equal(HttpStatusCode.UnprocessableEntity, (await Get(Auditor, $"{path}?Limit%00=1")).Status);
        string[] names = ["after", "limit", "state", "resource", "grant", "mine", "awaiting", "stream", "type", "actor", "correlation", "from", "until", "text", "session", "verdict", "outcome", "rule", "at", "and"];
        string[] values =
        [
            "%00", "'", "%27%20OR%20true--", "%5C", "%F0%9F%98%80", "%FF", "-1", "0", "1e9", "99999999999999999999", "9223372036854775807", "/", "9/9", "null", "true",
            "0001-01-01T00:00:00Z", "9999-12-31T23:59:59.9999999Z", "0001-01-01T00:00:00%2B14:00", Guid.Empty.ToString(), new string('a', 4_000), "%7B%22a%22%3A1%7D", "%25%5F", "%22unclosed", "%E2%80%AE",
        ];
        using var auditor = Auditor;
        foreach (var name in names)
        {
            foreach (var value in values)
            {
                using var answer = await auditor.GetAsync(new Uri($"/v1/{path}?{name}={value}", UriKind.Relative), Cancel);
                Assert.True(
                    answer.StatusCode is HttpStatusCode.OK or HttpStatusCode.UnprocessableEntity,
                    $"{path}?{name}={value}: {(int)answer.StatusCode} {await answer.Content.ReadAsStringAsync(Cancel)}");
            }
        }
    }

    [Theory]
    [MemberData(nameof(EveryPagedList))]
    public async Task Pages_hold_each_thing_once_and_leave_nothing_out(string path)
    {
        for (var i = 0; i < 5; i++)
        {
            await Host.Ask("paging", "orders-write");
            await Host.Ask("paging", "orders-read");
            await Session(Person("paging"), "orders", "select 1", "select 2");
            await Append(Guid.CreateVersion7(), "agent", Actor.System("test"), new AgentInvited($"paging-{Guid.CreateVersion7():N}"[..20], ["orders"], "", default, Person("admin")));
        }
        var all = (await Items(Auditor, $"{path}?limit=1000")).Select(i => i.ToString()).ToList();
        var paged = new List<string>();
        string? after = null;
        do
        {
            var (_, body) = await Get(Auditor, $"{path}?limit=3{(after is null ? "" : $"&after={Uri.EscapeDataString(after)}")}");
            var items = body.GetProperty("items").EnumerateArray().Select(i => i.ToString()).ToList();
            Assert.InRange(items.Count, 1, 3);
            paged.AddRange(items);
            after = body.TryGetProperty("next", out var next) ? next.GetString() : null;
        }
        while (after is not null);
        Assert.Equal(all.Order(), paged.Take(all.Count).Order().ToList());
        Assert.Equal(HttpStatusCode.UnprocessableEntity, (await Get(Auditor, $"{path}?limit=0")).Status);
        Assert.Equal(HttpStatusCode.UnprocessableEntity, (await Get(Auditor, $"{path}?limit=1001")).Status);
    }

    [Fact]
    public async Task A_page_of_large_things_ends_early_and_the_next_goes_on()
    {
        var large = new string('x', 1_000_000);
        var session = await Session(Person("writer"), "orders", [.. Enumerable.Range(0, 12).Select(_ => large)]);
        var (seen, pages) = (0, 0);
        string? after = null;
        do
        {
            var (status, body) = await Get(Auditor, $"audit/operations?session={session}{(after is null ? "" : $"&after={Uri.EscapeDataString(after)}")}");
            Assert.Equal(HttpStatusCode.OK, status);
            var count = body.GetProperty("items").GetArrayLength();
            Assert.InRange(count, 1, 6);
            (seen, pages) = (seen + count, pages + 1);
            after = body.TryGetProperty("next", out var next) ? next.GetString() : null;
        }
        while (after is not null);
        Assert.Equal(12, seen);
        Assert.InRange(pages, 2, 6);
    }

    private async Task<List<(Guid Stream, string Type)>> Found(string query) =>
        [.. (await Items(Auditor, $"audit/events?limit=1000&{query}")).Select(e => (e.GetProperty("stream").GetGuid(), e.GetProperty("type").GetString()!))];

    [Fact]
    public async Task All_events_about_a_resource_are_found_whatever_stream_they_are_in()
    {
        var by = Person("ida");
        var (request, grant, session, onIt, onGrant, other) =
            (Guid.CreateVersion7(), Guid.CreateVersion7(), Guid.CreateVersion7(), Guid.CreateVersion7(), Guid.CreateVersion7(), Guid.CreateVersion7());
        var now = TimeProvider.System.GetUtcNow();
        await Append(request, "request", by,
            new RequestSubmitted(request, by, "ledger-read", "ledger", TimeSpan.FromHours(1), null, null, [], now.AddHours(1), 1), new RequestExpired(now));
        await Append(grant, "grant", by,
            new GrantIssued(grant, request, by, "ledger-read", "ledger", Scope.Any, TimeSpan.FromHours(1), now.AddHours(1), 1, TokenLogin.WorkloadsOnly, 1),
            new ActivationLapsed(now));
        await Append(session, "session", by,
            new EvidenceGapFound("ledger-agent", "segment-invalid", "forged"),
            new SessionOpened(session, grant, "ledger", "ledger-agent", by, "ledger", "", "", now, 1, 1), new TranscriptRead(session, by, false), new SessionClosed(now, "closed"));
        await Append(onIt, "lock", by, new LockPlaced(onIt, new LockTarget(Resource: "ledger"), "x", null, by), new LockLifted(onIt, by, "y"));
        await Append(onGrant, "lock", by, new LockPlaced(onGrant, new LockTarget(Grant: grant), "x", null, by), new LockLifted(onGrant, by, "y"));
        await Append(Ids.Agent("ledger-agent"), "agent", by, new AgentInvited("ledger-agent", ["ledger"], "", now, by), new AgentRetired("ledger-agent", by, "done"));
        await Append(other, "lock", by, new LockPlaced(other, new LockTarget(Resource: "ledger2"), "x", null, by));

        var found = await Found("resource=ledger");
        Assert.Equal(
            [
                (request, "request_submitted"), (request, "request_expired"), (grant, "grant_issued"), (grant, "activation_lapsed"), (session, "evidence_gap_found"),
                (session, "session_opened"), (session, "transcript_read"), (session, "session_closed"), (onIt, "lock_placed"), (onIt, "lock_lifted"),
                (onGrant, "lock_placed"), (onGrant, "lock_lifted"), (Ids.Agent("ledger-agent"), "agent_invited"), (Ids.Agent("ledger-agent"), "agent_retired"),
            ],
            found);
    }

    [Fact]
    public async Task Events_are_found_by_whoever_acts_anywhere_in_the_chain()
    {
        var inner = Person("inner") with { Kind = ActorKind.Workload, Name = "Inner Worker" };
        var outer = Person("outer") with { Kind = ActorKind.AiAgent };
        var by = Person("mona", outer, inner);
        var stream = Guid.CreateVersion7();
        await Append(stream, "lock", by, new LockPlaced(stream, new LockTarget(Resource: "elsewhere"), "x", null, by));
        await Append(Guid.CreateVersion7(), "lock", Person("nobody"), new LockPlaced(Guid.CreateVersion7(), new LockTarget(Resource: "elsewhere"), "x", null, by));
        foreach (var actor in (string[])[by.Key, "mona", outer.Key, "outer", inner.Key, "Inner Worker"])
        {
            Assert.Equal([(stream, "lock_placed")], await Found($"actor={Uri.EscapeDataString(actor)}"));
        }
    }
}

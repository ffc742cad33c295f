using System.Globalization;
using System.Text;
using System.Text.Json;
using AccessPlane.Contracts;
using AccessPlane.Contracts.Events;
using AccessPlane.Contracts.Identity;
using AccessPlane.Contracts.Policy;
using AccessPlane.Contracts.Transcripts;
using AccessPlane.ControlPlane.EventStore;
using Xunit;

namespace AccessPlane.Tests.Integration.Audit;

/// <summary>Filters of lists mean what they say: they find what they name, and nothing else.</summary>
public sealed class FilterTests(SharedControlPlane plane) : AuditSpec(plane), IClassFixture<SharedControlPlane>, IAsyncLifetime
{
    private static readonly DateTimeOffset Ten = new(2026, 1, 31, 10, 0, 0, TimeSpan.Zero);

    public async ValueTask InitializeAsync() => await Host.Publish(SharedControlPlane.Policy
        .Replace("  - { id: orders, kind: postgresql }", "  - { id: orders, kind: postgresql }\n  - { id: ledger, kind: postgresql }", StringComparison.Ordinal) +
        "\n  - { id: ledger-read, resource: ledger, who: { groups: [engineering] }, approval: { auto: true } }\n");

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    private sealed record Told(string Text, DateTimeOffset At, string? Outcome = "completed", Effect Effect = Effect.Allow);

    /// <summary>A session with statements and what came of them.</summary>
    /// <param name="over">Whether it was closed.</param>
    private async Task<(Guid Session, Guid Grant)> Session(Actor holder, string resource, bool over = true, params Told[] told)
    {
        var (session, grant, lines, seq) = (Guid.CreateVersion7(), Guid.CreateVersion7(), new StringBuilder(), 0);
        void Line(TranscriptEntry entry) => lines.Append(JsonSerializer.Serialize(entry with { Seq = ++seq }, Json.Options)).Append('\n');
        for (var i = 0; i < told.Length; i++)
        {
            Line(new TranscriptEntry(0, told[i].At, "statement", Op: i + 1, Protocol: "simple", Text: told[i].Text, Effect: told[i].Effect, Policy: 1));
            if (told[i].Outcome is { } outcome)
            {
                Line(new TranscriptEntry(0, told[i].At, "result", Op: i + 1, Outcome: outcome));
            }
        }
        List<IEvent> events = [new SessionOpened(session, grant, resource, "a", holder, "orders", "127.0.0.1:1", "psql", Ten, 1, 1, "orders-read")];
        if (seq > 0)
        {
            events.Add(new TranscriptRecorded(
                session, "a", 1, 1, seq, new string('0', 64), Convert.ToHexStringLower(HashChain.Begin(session)), true, lines.ToString(), ""));
        }
        if (over)
        {
            events.Add(new SessionClosed(Ten, "closed"));
        }
        await Append(session, "session", Actor.System("agent a"), [.. events]);
        return (session, grant);
    }

    private async Task<List<string?>> Texts(string query) =>
        [.. (await Items(Auditor, $"audit/operations?limit=1000&{query}")).Select(o => o.GetProperty("text").GetString())];

    private static async Task<List<Guid>> Ids(HttpClient client, string path) => [.. (await Items(client, path)).Select(i => i.GetProperty("id").GetGuid())];

    private static string Time(DateTimeOffset at) => Uri.EscapeDataString(at.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.ffffff'Z'", CultureInfo.InvariantCulture));

    [Fact]
    public async Task Operations_are_found_by_whoever_acts_anywhere_in_the_chain()
    {
        var worker = Person("op-worker") with { Kind = ActorKind.Workload, Name = "Op Worker" };
        var assistant = Person("op-assistant") with { Kind = ActorKind.AiAgent };
        await Session(Person("olga"), "orders", told: new Told("select 'by herself'", Ten));
        await Session(Person("olga", assistant, worker), "orders", told: new Told("select 'in her name'", Ten));
        foreach (var actor in (string[])["op-assistant", assistant.Key, "Op Worker", worker.Key])
        {
            Assert.Equal(["select 'in her name'"], await Texts($"actor={Uri.EscapeDataString(actor)}"));
        }
        Assert.Equal(["select 'by herself'", "select 'in her name'"], (await Texts("actor=olga")).Order());
        Assert.Equal(2, (await Texts($"actor={Uri.EscapeDataString(Person("olga").Key)}")).Count);
        Assert.Empty(await Texts("actor=op-worker"));
    }

    [Fact]
    public async Task Operations_are_found_by_time_outcome_verdict_and_resource()
    {
        var (session, _) = await Session(
            Person("otto"), "orders", told:
            [
                new Told("select 'at ten'", Ten), new Told("select 'a moment later'", Ten.AddMicroseconds(1), "failed"),
                new Told("select 'refused'", Ten.AddHours(1), "refused", Effect.Deny), new Told("select 'running'", Ten.AddHours(2), null),
            ]);
        await Session(Person("otto"), "ledger", told: new Told("select 'in the ledger'", Ten));
        var his = $"session={session}";
        Assert.Equal(["select 'running'", "select 'refused'", "select 'a moment later'", "select 'at ten'"], await Texts(his));
        Assert.Equal(["select 'running'", "select 'refused'"], await Texts($"{his}&from={Time(Ten.AddHours(1))}"));
        Assert.Equal(["select 'at ten'"], await Texts($"{his}&until={Time(Ten.AddMicroseconds(1))}"));
        Assert.Equal(["select 'a moment later'"], await Texts($"{his}&from={Time(Ten.AddMicroseconds(1))}&until={Time(Ten.AddHours(1))}"));
        Assert.Equal(["select 'refused'"], await Texts($"{his}&from=2026-01-31T12:00:00%2B01:00&until=2026-01-31T12:30:00%2B01:00"));
        Assert.Equal(["select 'a moment later'"], await Texts($"{his}&outcome=failed"));
        Assert.Equal(["select 'refused'"], await Texts($"{his}&outcome=refused"));
        Assert.Equal(["select 'refused'"], await Texts($"{his}&verdict=deny"));
        Assert.Empty(await Texts($"{his}&outcome=completed&verdict=deny"));
        Assert.Equal(["select 'in the ledger'"], await Texts("actor=otto&resource=ledger"));
        Assert.Equal(4, (await Texts("actor=otto&resource=orders")).Count);
        Assert.Empty(await Texts("actor=otto&resource=led"));
    }

    [Fact]
    public async Task Events_are_found_by_correlation_and_time()
    {
        var (one, other, correlation) = (Guid.CreateVersion7(), Guid.CreateVersion7(), Guid.CreateVersion7());
        Task<Appended> Lock(Guid id, Guid of) => Append(id, "lock", Person("eve"), of, new LockPlaced(id, new LockTarget(Resource: "elsewhere"), "x", null, Person("eve")));
        await Lock(one, correlation);
        await Lock(Guid.CreateVersion7(), Guid.CreateVersion7());
        await Lock(other, correlation);
        async Task<List<Guid>> Streams(string query) => [.. (await Items(Auditor, $"audit/events?limit=1000&{query}")).Select(e => e.GetProperty("stream").GetGuid())];
        Assert.Equal([one, other], await Streams($"correlation={correlation}"));
        Assert.Empty(await Streams($"correlation={Guid.CreateVersion7()}"));

        var at = (await Log.ReadStream(other, Cancel)).Single().At;
        Assert.Equal([other], await Streams($"correlation={correlation}&from={Time(at)}"));
        Assert.Equal([one], await Streams($"correlation={correlation}&until={Time(at)}"));
        Assert.Empty(await Streams($"correlation={correlation}&from={Time(at.AddMicroseconds(1))}"));
        Assert.Equal([one, other], await Streams($"correlation={correlation}&until={Time(at.AddMicroseconds(1))}"));
    }

    [Fact]
    public async Task Everything_that_a_call_led_to_has_its_correlation()
    {
        var asked = await Host.Send(HttpMethod.Post, "/v1/requests", "eva", "engineering", new { entitlement = "orders-read", reason = "a test" });
        var types = (await Items(Auditor, $"audit/events?correlation={asked.Correlation}")).Select(e => e.GetProperty("type").GetString());
        Assert.Equal(["request_submitted", "request_approved", "grant_issued"], types);
    }

    [Fact]
    public async Task Requests_and_grants_are_found_by_state_and_resource()
    {
        var pending = await Host.Ask("rita", "orders-write");
        var (first, second, ledger) = (await Host.Ask("rita", "orders-read"), await Host.Ask("rita", "orders-read"), await Host.Ask("rita", "ledger-read"));
        var taken = await Host.Ask("rita", "orders-write");
        await Host.Ask("roman", "orders-write");
        Assert.Equal(200, (await Host.Send(HttpMethod.Post, $"/v1/requests/{taken}/cancel", "rita", "engineering")).Status);
        HttpClient Rita() => Host.Client("rita", "engineering");
        Assert.Equal([pending], await Ids(Rita(), "requests?state=Submitted"));
        Assert.Equal([taken], await Ids(Rita(), "requests?state=Cancelled"));
        Assert.Equal([ledger, second, first], await Ids(Rita(), "requests?state=Approved"));
        Assert.Equal([second, first], await Ids(Rita(), "requests?state=Approved&resource=orders"));
        Assert.Equal([ledger], await Ids(Rita(), "requests?resource=ledger"));
        Assert.Empty(await Ids(Rita(), "requests?state=approved"));
        Assert.DoesNotContain(pending, await Ids(Auditor, "requests?mine=true&limit=1000"));

        async Task<Guid> GrantOf(Guid request) => (await Host.Get($"/v1/requests/{request}")).GetProperty("grantId").GetGuid();
        var (active, given, unused) = (await GrantOf(first), await GrantOf(second), await GrantOf(ledger));
        Assert.Equal(200, (await Host.Send(HttpMethod.Post, $"/v1/grants/{active}/activate", "rita", "engineering")).Status);
        Assert.Equal(200, (await Host.Send(HttpMethod.Post, $"/v1/grants/{given}/surrender", "rita", "engineering")).Status);
        Assert.Equal([active], await Ids(Rita(), "grants?state=Active"));
        Assert.Equal([given], await Ids(Rita(), "grants?state=Surrendered"));
        Assert.Equal([unused], await Ids(Rita(), "grants?state=Approved"));
        Assert.Equal([unused], await Ids(Rita(), "grants?resource=ledger"));
        Assert.Empty(await Ids(Rita(), "grants?resource=ledger&state=Active"));
        Assert.Equal(3, (await Ids(Rita(), "grants?mine=true")).Count);
        Assert.Empty(await Ids(Auditor, "grants?mine=true"));
        Assert.Contains(active, await Ids(Auditor, "grants?state=Active&limit=1000"));
    }

    [Theory]
    [InlineData("requests?mine=true")]
    [InlineData("requests")]
    [InlineData("grants?mine=true")]
    [InlineData("grants")]
    public async Task The_newest_is_first_though_an_id_that_follows_from_another_is_in_no_order(string list)
    {
        var (who, asked) = ($"nora-{Guid.CreateVersion7():N}", new List<Guid>());
        for (var i = 0; i < 8; i++)
        {
            var answer = await Host.Send(HttpMethod.Post, "/v1/requests", who, "engineering", new { entitlement = "orders-read", reason = "a test" }, key: $"{who}/{i}");
            asked.Add((list.StartsWith("grants", StringComparison.Ordinal) ? answer.Body.GetProperty("grantId") : answer.Body.GetProperty("id")).GetGuid());
        }
        HttpClient Nora() => Host.Client(who, "engineering");
        Assert.Equal(Enumerable.Reverse(asked), await Ids(Nora(), list));
        Assert.Equal(Enumerable.Reverse(asked).Take(3), await Ids(Nora(), $"{list}{(list.Contains('?', StringComparison.Ordinal) ? '&' : '?')}limit=3"));
    }

    [Fact]
    public async Task What_waits_for_one_s_review_is_listed_newest_first()
    {
        var asked = new List<Guid>();
        for (var i = 0; i < 8; i++)
        {
            asked.Add((await Host.Send(HttpMethod.Post, "/v1/requests", "nils", "engineering", new { entitlement = "orders-write", reason = "a test" }, key: $"nils/{i}")).Body.GetProperty("id").GetGuid());
        }
        Assert.Equal(Enumerable.Reverse(asked), (await Ids(Host.Client("dora", "dba"), "requests?awaiting=me&limit=1000")).Where(asked.Contains));
    }

    [Fact]
    public async Task Sessions_are_found_by_state_resource_and_grant()
    {
        var (open, itsGrant) = await Session(Person("sven"), "orders", over: false);
        var (closed, _) = await Session(Person("sven"), "orders");
        var (ledger, _) = await Session(Person("sven"), "ledger");
        HttpClient Sven() => Host.Client("sven", "engineering");
        Assert.Equal([ledger, closed, open], await Ids(Sven(), "sessions"));
        Assert.Equal([open], await Ids(Sven(), "sessions?state=Open"));
        Assert.Equal([ledger, closed], await Ids(Sven(), "sessions?state=Closed"));
        Assert.Equal([closed], await Ids(Sven(), "sessions?state=Closed&resource=orders"));
        Assert.Equal([ledger], await Ids(Sven(), "sessions?resource=ledger"));
        Assert.Equal([open], await Ids(Sven(), $"sessions?grant={itsGrant}"));
        Assert.Empty(await Ids(Sven(), $"sessions?grant={itsGrant}&state=Closed"));
        Assert.Empty(await Ids(Auditor, "sessions?mine=true"));
        Assert.Equal([open], await Ids(Auditor, $"sessions?grant={itsGrant}"));
    }
}

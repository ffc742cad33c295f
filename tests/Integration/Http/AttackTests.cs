using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json;
using AccessPlane.Contracts.Events;
using AccessPlane.ControlPlane.AccessRequests;
using AccessPlane.ControlPlane.EventStore;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace AccessPlane.Tests.Integration.Http;

/// <summary>What someone tries who has a token of their own and wants more than it gives.</summary>
public sealed class AttackTests(SharedControlPlane plane) : IClassFixture<SharedControlPlane>
{
    private readonly ControlPlaneHost host = plane.Host;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    private HttpClient As(string subject, string group, Action<Dictionary<string, object?>>? change = null)
    {
        var claims = host.Issuer.Claims(subject, TimeProvider.System.GetUtcNow(), group);
        change?.Invoke(claims);
        var client = host.Client();
        client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", host.Issuer.Sign(claims));
        return client;
    }

    private Dictionary<string, object?> Act(string subject, Dictionary<string, object?>? then = null)
    {
        var link = new Dictionary<string, object?> { ["sub"] = subject, ["iss"] = host.Issuer.Address };
        if (then is not null)
        {
            link["act"] = then;
        }
        return link;
    }

    private static async Task<(int Status, string Code, JsonElement Body)> Post(HttpClient client, string path, object body, string? key = null)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, $"/v1/{path}") { Content = JsonContent.Create(body) };
        if (key is not null)
        {
            request.Headers.Add("Idempotency-Key", key);
        }
        using var answer = await client.SendAsync(request, Cancel);
        var text = await answer.Content.ReadAsStringAsync(Cancel);
        var json = text.Length == 0 ? default : JsonSerializer.Deserialize<JsonElement>(text);
        return ((int)answer.StatusCode, json.ValueKind == JsonValueKind.Object && json.TryGetProperty("code", out var code) ? code.GetString()! : "", json);
    }

    private async Task<string> State(Guid request) => (await host.Get($"/v1/requests/{request}")).GetProperty("state").GetString()!;

    [Fact]
    public async Task Nobody_approves_what_they_asked_for_by_any_chain_of_names()
    {
        var request = await host.Ask("dora", "orders-write", "dba");
        HttpClient[] selves =
        [
            As("dora", "dba"),
            As("dora", "dba", c => c["act"] = Act("assistant")),
            As("other", "dba", c => c["act"] = Act("dora")),
            As("other", "dba", c => c["act"] = Act("assistant", Act("dora"))),
            As("dora", "dba", c => c["groups"] = new[] { "dba", "admins" }),
        ];
        foreach (var self in selves)
        {
            using (self)
            {
                Assert.Equal((403, "self-review"), await Post(self, $"requests/{request}/reviews", new { verdict = "approve" }) is var (status, code, _) ? (status, code) : default);
            }
        }
        foreach (var kind in (string[])["workload", "ai-agent"])
        {
            using var machine = As("robot", "dba", c => c["kind"] = kind);
            Assert.Equal("reviewer-not-a-person", (await Post(machine, $"requests/{request}/reviews", new { verdict = "approve" })).Code);
        }
        using (var twins = As("other", "dba", c => c["act"] = Act("assistant")))
        {
            Assert.Equal("reviewer-not-a-person", (await Post(twins, $"requests/{request}/reviews", new { verdict = "approve" })).Code);
        }
        Assert.Equal("Submitted", await State(request));
    }

    [Fact]
    public async Task One_approval_counts_once_however_it_is_sent_again()
    {
        var request = await host.Ask("engineer", "orders-careful");
        using var dba = As("dba", "dba");
        for (var i = 0; i < 3; i++)
        {
            Assert.Equal(200, (await Post(dba, $"requests/{request}/reviews", new { verdict = "approve" }, "the-same")).Status);
            await Post(dba, $"requests/{request}/reviews", new { verdict = "approve" }, $"another-{i}");
            await Post(dba, $"requests/{request}/reviews", new { verdict = "approve" });
            await Post(dba, $"Requests/{request}/reviews/", new { verdict = "approve" }, "the-same");
        }
        var steps = (await host.Get($"/v1/requests/{request}")).GetProperty("steps");
        Assert.Equal(1, steps[0].GetProperty("reviews").GetArrayLength());
        Assert.Equal("Submitted", await State(request));
    }

    [Fact]
    public async Task However_verdicts_race_one_is_the_end_and_a_grant_is_there_only_if_it_was_approved()
    {
        var log = host.Services.GetRequiredService<EventLog>();
        for (var round = 0; round < 8; round++)
        {
            var request = await host.Ask("engineer", "orders-write");
            using var engineer = As("engineer", "engineering");
            HttpClient[] approvers = [As("dba", "dba"), As("dba2", "dba"), As("dba3", "dba")];
            await Task.WhenAll(
                Post(approvers[0], $"requests/{request}/reviews", new { verdict = "approve" }),
                Post(approvers[1], $"requests/{request}/reviews", new { verdict = "deny" }),
                Post(approvers[2], $"requests/{request}/reviews", new { verdict = "approve" }),
                Post(engineer, $"requests/{request}/cancel", new { }));
            Array.ForEach(approvers, a => a.Dispose());
            var ends = (await log.ReadStream(request, Cancel)).Select(s => s.Event).Where(e => e is RequestApproved or RequestDenied or RequestCancelled or RequestExpired).ToList();
            var grant = await log.ReadStream(SubmitRequest.GrantOf(request), Cancel);
            Assert.Equal(Assert.Single(ends) is RequestApproved, grant.Count > 0);
        }
    }

    [Fact]
    public async Task An_idempotency_key_is_its_callers_alone()
    {
        var body = new { entitlement = "orders-write", reason = "mine" };
        using var one = As("keyholder", "engineering");
        using var two = As("keythief", "engineering");
        using var through = As("keyholder", "engineering", c => c["act"] = Act("assistant"));
        var first = await Post(one, "requests", body, "k-1");
        Assert.Equal(first.Body.GetProperty("id").GetGuid(), (await Post(one, "requests", body, "k-1")).Body.GetProperty("id").GetGuid());
        Assert.NotEqual(first.Body.GetProperty("id").GetGuid(), (await Post(two, "requests", body, "k-1")).Body.GetProperty("id").GetGuid());
        // not even to who acts in the caller's name is the first answer given again
        Assert.Equal("not-entitled", (await Post(through, "requests", body, "k-1")).Code);
        Assert.Equal("idempotency-key-reused", (await Post(one, "requests", new { entitlement = "orders-write", reason = "changed" }, "k-1")).Code);
    }

    [Fact]
    public async Task A_token_for_reviews_opens_nothing_here()
    {
        using var client = host.Client();
        client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", host.Issuer.ReviewToken("admin", TimeProvider.System.GetUtcNow(), "admins"));
        foreach (var path in (string[])["requests", "audit/events", "agents", "policies/current"])
        {
            Assert.Equal(HttpStatusCode.Unauthorized, (await client.GetAsync(new Uri($"/v1/{path}", UriKind.Relative), Cancel)).StatusCode);
        }
        Assert.Equal(401, (await Post(client, "requests", new { entitlement = "orders-read" })).Status);
    }

    [Fact]
    public async Task Knowing_the_id_of_anothers_thing_is_worth_nothing()
    {
        var request = await host.Ask("owner", "orders-write");
        var granted = await host.Ask("owner", "orders-read");
        var grant = SubmitRequest.GrantOf(granted);
        using var stranger = As("stranger", "engineering");
        foreach (var path in (string[])[$"requests/{request}", $"grants/{grant}"])
        {
            Assert.Equal(HttpStatusCode.NotFound, (await stranger.GetAsync(new Uri($"/v1/{path}", UriKind.Relative), Cancel)).StatusCode);
        }
        Assert.Equal(404, (await Post(stranger, $"requests/{request}/cancel", new { })).Status);
        foreach (var verb in (string[])["activate", "extend", "surrender", "tickets"])
        {
            Assert.Equal((verb, 404), (verb, (await Post(stranger, $"grants/{grant}/{verb}", new { })).Status));
        }
        Assert.Equal(403, (await Post(stranger, $"grants/{grant}/revoke", new { })).Status);
        Assert.Equal(403, (await Post(stranger, $"requests/{request}/reviews", new { verdict = "approve" })).Status);
        // one's own, asked for through an AI agent, is not the same right
        using var through = As("owner", "engineering", c => c["act"] = Act("assistant"));
        Assert.Equal(404, (await Post(through, $"grants/{grant}/tickets", new { })).Status);
        Assert.Equal(404, (await Post(through, $"grants/{grant}/activate", new { })).Status);
        Assert.Equal("Approved", (await host.Get($"/v1/grants/{grant}")).GetProperty("state").GetString());
        Assert.Equal("Submitted", await State(request));
    }

    public static TheoryData<string> Deceptions => ["a\u202eb", "a\u2066b", "a\u0007b", "a\u001b[31mb", "a\u200bb", "a\ufeffb", "a\u2028b", "a\rb", "a\u00adb", new string('x', 2_001)];

    [Theory]
    [MemberData(nameof(Deceptions))]
    public async Task What_people_read_before_they_decide_cannot_deceive_them(string text)
    {
        var request = await host.Ask("engineer", "orders-write");
        var grant = SubmitRequest.GrantOf(await host.Ask("engineer", "orders-read"));
        using var engineer = As("engineer", "engineering");
        using var dba = As("dba", "dba");
        using var admin = As("admin", "admins");
        (HttpClient Who, string Path, object Body)[] all =
        [
            (engineer, "requests", new { entitlement = "orders-write", reason = text }),
            (engineer, "requests", new { entitlement = "orders-write", reason = "x", reference = text }),
            (dba, $"requests/{request}/reviews", new { verdict = "approve", comment = text }),
            (engineer, $"grants/{grant}/extend", new { reason = text }),
            (admin, $"grants/{grant}/revoke", new { reason = text }),
            (admin, "locks", new { on = new { resource = "elsewhere" }, reason = text }),
            (admin, "locks", new { on = new { actor = $"x|{text}" }, reason = "x" }),
            (admin, "agents/nobody/retire", new { reason = text }),
            (admin, $"sessions/{Guid.CreateVersion7()}/terminate", new { reason = text }),
        ];
        foreach (var (who, path, body) in all)
        {
            Assert.Equal((path, 422), (path, (await Post(who, path, body)).Status));
        }
        Assert.Equal("Submitted", await State(request));
    }

    [Fact]
    public async Task Bodies_that_are_too_deep_or_too_large_are_refused_and_nothing_happens()
    {
        using var engineer = As("engineer", "engineering");
        foreach (var (body, status) in (IEnumerable<(string, int)>)
            [(new string('[', 10_000), 400), ($$"""{"entitlement":{{new string('[', 5_000)}}{{new string(']', 5_000)}}}""", 400), (new string(' ', 1024 * 1024 + 1), 413)])
        {
            using var content = new StringContent(body, MediaTypeHeaderValue.Parse("application/json"));
            using var answer = await engineer.PostAsync(new Uri("/v1/requests", UriKind.Relative), content, Cancel);
            Assert.True((int)answer.StatusCode == status || (int)answer.StatusCode == 422, $"{(int)answer.StatusCode}");
        }
    }
}

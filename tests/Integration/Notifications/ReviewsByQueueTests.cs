using System.Net.Http.Json;
using System.Text.Json;
using AccessPlane.Tests.Integration.Http;
using RabbitMQ.Client;
using Xunit;

namespace AccessPlane.Tests.Integration.Notifications;

/// <summary>Approvers who use nothing but the queue.</summary>
public sealed class ReviewsByQueueTests(SharedControlPlane plane) : IClassFixture<SharedControlPlane>
{
    private readonly ControlPlaneHost host = plane.Host;

    private static DateTimeOffset Now => TimeProvider.System.GetUtcNow();

    private string Token(string subject, params string[] groups) => host.Issuer.ReviewToken(subject, Now, groups);

    private Task<ApproverClient> Approver(params string[] groups) => ApproverClient.Connect(host.Broker, null, groups);

    private static object Review(Guid id, string token, int version = 1, string verdict = "approve", string? comment = null, string kind = "request") =>
        comment is null ? new { kind, id, expectedVersion = version, verdict, token } : new { kind, id, expectedVersion = version, verdict, comment, token };

    private static void IsRefused(JsonElement outcome, string code)
    {
        Assert.Equal("refused", outcome.GetProperty("outcome").GetString());
        Assert.Equal(code, outcome.GetProperty("code").GetString());
        Assert.NotEmpty(outcome.GetProperty("detail").GetString()!);
        Assert.DoesNotContain("AccessPlane.", outcome.ToString(), StringComparison.Ordinal);
    }

    private async Task<string> State(Guid id) => (await host.Get($"/v1/requests/{id}")).GetProperty("state").GetString()!;

    private async Task<int> Events(Guid id) => (await host.Get($"/v1/audit/events?stream={id}&limit=100")).GetProperty("items").GetArrayLength();

    [Fact]
    public async Task An_approver_hears_of_a_request_and_approves_it()
    {
        await using var dba = await Approver("dba");
        var id = await host.Ask("engineer", "orders-write");
        var (key, asked) = dba.Next(id);
        Assert.Equal("request.submitted.dba", key);
        Assert.Equal("engineer", asked.GetProperty("who").GetProperty("subject").GetString());
        Assert.Equal("orders-write", asked.GetProperty("what").GetProperty("entitlement").GetString());
        Assert.Equal("a test", asked.GetProperty("why").GetProperty("reason").GetString());
        Assert.Equal($"https://accessplane.example/v1/requests/{id}", asked.GetProperty("links").GetProperty("request").GetString());
        Assert.True(asked.GetProperty("expiresAt").GetDateTimeOffset() > Now);

        var outcome = await dba.Send(Review(id, Token("dba", "dba"), asked.GetProperty("expectedVersion").GetInt32(), comment: "known"));
        Assert.Equal(("accepted", "Approved", id), (outcome.GetProperty("outcome").GetString(), outcome.GetProperty("state").GetString(), outcome.GetProperty("id").GetGuid()));
        Assert.Equal("Approved", await State(id));
        var (decided, what) = dba.Next(id);
        Assert.Equal(("request.decided.dba", "Approved"), (decided, what.GetProperty("state").GetString()));
    }

    [Fact]
    public async Task A_review_may_also_come_by_the_queues_own_name()
    {
        await using var dba = await Approver();
        var id = await host.Ask("engineer", "orders-write");
        Assert.Equal("accepted", (await dba.Send(Review(id, Token("dba", "dba"), verdict: "deny"), exchange: "")).GetProperty("outcome").GetString());
        Assert.Equal("Denied", await State(id));
    }

    [Fact]
    public async Task Votes_are_folded_and_each_step_is_announced_to_its_own_approvers()
    {
        await using var dba = await Approver("dba");
        await using var security = await Approver("security");
        var id = await host.Ask("engineer", "orders-careful");
        var version = dba.Next(id).Body.GetProperty("expectedVersion").GetInt32();
        // two votes at once, both for the version that was announced: neither makes the other stale
        var votes = await Task.WhenAll(dba.Send(Review(id, Token("dba", "dba"), version)), dba.Send(Review(id, Token("dba2", "dba"), version)));
        Assert.All(votes, v => Assert.Equal("accepted", v.GetProperty("outcome").GetString()));
        var next = security.Next(id).Body;
        Assert.Equal(2, next.GetProperty("what").GetProperty("step").GetInt32());
        Assert.NotEqual(version, next.GetProperty("expectedVersion").GetInt32());
        IsRefused(await security.Send(Review(id, Token("security", "security"), version)), "terms-changed");
        Assert.Equal("Approved", (await security.Send(Review(id, Token("security", "security"), version + 1))).GetProperty("state").GetString());
    }

    [Fact]
    public async Task Who_asked_cannot_approve_by_queue_either()
    {
        await using var dba = await Approver();
        var id = await host.Ask("dba", "orders-write", "dba");
        IsRefused(await dba.Send(Review(id, Token("dba", "dba"))), "self-review");
        Assert.Equal("Submitted", await State(id));
    }

    [Fact]
    public async Task Who_is_no_approver_is_told_so_and_not_what_it_is_about()
    {
        await using var anyone = await Approver();
        var id = await host.Ask("engineer", "orders-write");
        var outcome = await anyone.Send(Review(id, Token("guest", "guests")));
        IsRefused(outcome, "not-an-approver");
        Assert.False(outcome.TryGetProperty("state", out _));
        Assert.Equal("Submitted", await State(id));
    }

    [Fact]
    public async Task A_token_counts_for_one_review_only()
    {
        await using var dba = await Approver();
        var (one, two) = (await host.Ask("engineer", "orders-write"), await host.Ask("engineer2", "orders-write"));
        var token = Token("dba", "dba");
        var review = JsonSerializer.Serialize(Review(one, token));
        Assert.Equal("accepted", (await dba.Send(review)).GetProperty("outcome").GetString());
        var events = await Events(one);
        IsRefused(await dba.Send(review), "repeated");
        IsRefused(await dba.Send(Review(two, token)), "token-used");
        IsRefused(await dba.Send(Review(one, token, verdict: "deny")), "token-used");
        Assert.Equal(("Approved", "Submitted"), (await State(one), await State(two)));
        Assert.Equal(events, await Events(one));
    }

    [Fact]
    public async Task A_vote_that_is_sent_again_is_not_counted_again()
    {
        await using var dba = await Approver();
        var id = await host.Ask("engineer", "orders-careful");
        var review = JsonSerializer.Serialize(Review(id, Token("dba", "dba")));
        Assert.Equal("accepted", (await dba.Send(review)).GetProperty("outcome").GetString());
        var events = await Events(id);
        IsRefused(await dba.Send(review), "repeated");
        IsRefused(await dba.Send(Review(id, Token("dba", "dba"))), "already-reviewed");
        Assert.Equal(events, await Events(id));
    }

    [Fact]
    public async Task A_token_is_used_up_even_where_its_review_was_refused()
    {
        await using var dba = await Approver();
        var (stale, other) = (await host.Ask("engineer", "orders-write"), await host.Ask("engineer2", "orders-write"));
        var token = Token("dba", "dba");
        IsRefused(await dba.Send(Review(stale, token, version: 7)), "terms-changed");
        IsRefused(await dba.Send(Review(other, token)), "token-used");
        Assert.Equal("Submitted", await State(other));
    }

    [Fact]
    public async Task A_late_answer_is_told_what_was_decided()
    {
        await using var dba = await Approver();
        var id = await host.Ask("engineer", "orders-write");
        using (var rest = host.Client("dba2", "dba"))
        {
            (await rest.PostAsJsonAsync($"/v1/requests/{id}/reviews", new { verdict = "deny", comment = "no" }, TestContext.Current.CancellationToken)).EnsureSuccessStatusCode();
        }
        var outcome = await dba.Send(Review(id, Token("dba", "dba")));
        IsRefused(outcome, "request-closed");
        Assert.Equal("Denied", outcome.GetProperty("state").GetString());
        Assert.Equal("Denied", outcome.GetProperty("winning").GetProperty("state").GetString());
    }

    [Fact]
    public async Task Forged_tokens_and_tokens_for_something_else_are_refused()
    {
        await using var dba = await Approver();
        var id = await host.Ask("engineer", "orders-write");
        IsRefused(await dba.Send(Review(id, host.Issuer.Token("dba", Now, "dba"))), "token-audience");
        using var key = System.Security.Cryptography.RSA.Create(2048);
        var claims = host.Issuer.Claims("dba", Now, "dba");
        claims["aud"] = "accessplane-reviews";
        IsRefused(await dba.Send(Review(id, host.Issuer.Sign(claims, key: key))), "token-signature");
        claims["exp"] = Now.ToUnixTimeSeconds() + 3_600;
        IsRefused(await dba.Send(Review(id, host.Issuer.Sign(claims))), "token-life");
        IsRefused(await dba.Send(Review(id, "nonsense")), "token-malformed");
        async Task IsNotTaken(string code, Func<Dictionary<string, object?>, string> made)
        {
            var others = host.Issuer.Claims("dba", Now, "dba");
            others["aud"] = "accessplane-reviews";
            IsRefused(await dba.Send(Review(id, made(others))), code);
        }
        await IsNotTaken("token-malformed", c => TestIssuer.Compose(new() { ["alg"] = "none", ["typ"] = "at+jwt" }, c, _ => []));
        await IsNotTaken("token-algorithm", c => TestIssuer.Compose(new() { ["alg"] = "none", ["typ"] = "at+jwt" }, c, _ => [1, 2, 3]));
        await IsNotTaken("token-expired", c => host.Issuer.Sign(new(c) { ["iat"] = Now.ToUnixTimeSeconds() - 300, ["exp"] = Now.ToUnixTimeSeconds() - 61 }));
        await IsNotTaken("token-not-yet-valid", c => host.Issuer.Sign(new(c) { ["nbf"] = Now.ToUnixTimeSeconds() + 600 }));
        claims = host.Issuer.Claims("dba", Now, "dba");
        (claims["aud"], claims["act"]) = ("accessplane-reviews", new { sub = "assistant", kind = "ai-agent" });
        IsRefused(await dba.Send(Review(id, host.Issuer.Sign(claims))), "reviewer-not-a-person");
        Assert.Equal("Submitted", await State(id));
        FaultReport.Saw($"9 reviews with forged or foreign tokens: 9 refused, the request is {await State(id)}");
    }

    [Fact]
    public async Task A_token_for_reviews_is_worth_nothing_to_the_api()
    {
        using var client = host.Client();
        client.DefaultRequestHeaders.Authorization = new("Bearer", Token("dba", "dba"));
        using var answer = await client.GetAsync(new Uri("/v1/requests", UriKind.Relative), TestContext.Current.CancellationToken);
        Assert.Equal(System.Net.HttpStatusCode.Unauthorized, answer.StatusCode);
    }

    public static TheoryData<string, string> Malformed { get; } = new()
    {
        { "", "bad-json" },
        { "{", "bad-json" },
        { "null", "invalid-body" },
        { "[]", "invalid-body" },
        { "{}", "invalid-body" },
        { "{\"kind\":\"request\"}", "invalid-body" },
        { """{"kind":"request","id":"x","expectedVersion":1,"verdict":"approve","token":"t"}""", "invalid-body" },
        { """{"kind":"request","id":"0199aaaa-0000-7000-8000-000000000001","expectedVersion":1,"verdict":"maybe","token":"t"}""", "invalid-body" },
        { """{"kind":"request","id":"0199aaaa-0000-7000-8000-000000000001","expectedVersion":1,"verdict":"approve","token":"t","x":1}""", "unknown-field" },
        { """{"kind":"request","id":"0199aaaa-0000-7000-8000-000000000001","expectedVersion":"1","verdict":"approve","token":"t"}""", "invalid-body" },
        { """{"kind":"request","id":"0199aaaa-0000-7000-8000-000000000001","expectedVersion":1e99,"verdict":"approve","token":"t"}""", "invalid-body" },
        { """{"kind":"request","id":"0199aaaa-0000-7000-8000-000000000001","expectedVersion":1,"verdict":"approve","verdict":"deny","token":"t"}""", "invalid-body" },
        { """{"kind":null,"id":"0199aaaa-0000-7000-8000-000000000001","expectedVersion":1,"verdict":"approve","token":"t"}""", "invalid-body" },
        { """{"kind":"request","id":"0199aaaa-0000-7000-8000-000000000001","expectedVersion":1,"verdict":"approve","token":"t","comment":"\u202e"}""", "invalid-body" },
    };

    [Theory]
    [MemberData(nameof(Malformed))]
    public async Task What_is_no_review_is_told_so(string body, string code)
    {
        await using var anyone = await Approver();
        IsRefused(await anyone.Send(body), code);
    }

    [Fact]
    public async Task Nothing_that_is_sent_stops_the_queue()
    {
        await using var anyone = await Approver();
        IsRefused(await anyone.Send([0xff, 0xfe, 0x00]), "bad-json");
        IsRefused(await anyone.Send(new byte[3 * 1024 * 1024]), "too-large");
        IsRefused(await anyone.Send(new string('[', 60_000)), "invalid-body");
        IsRefused(await anyone.Send(Review(Guid.CreateVersion7(), Token("dba", "dba"))), "no-such-request");
        var odd = """{"kind":"request","id":"0199aaaa-0000-7000-8000-000000000001","expectedVersion":1,"verdict":"approve","token":"t"}"""u8.ToArray();
        foreach (var reply in (string?[])[null, "", "no-such-queue", "amq.rabbitmq.reply-to.nonsense", "accessplane.reviews", "accessplane.reports", "accessplane.agent.x", new string('q', 255)])
        {
            await anyone.Publish(odd, "accessplane.reviews", "", reply, "c");
        }
        var id = await host.Ask("engineer", "orders-write");
        Assert.Equal("accepted", (await anyone.Send(Review(id, Token("dba", "dba")))).GetProperty("outcome").GetString());
        await using var connection = await new ConnectionFactory { Uri = new Uri(host.Broker) }.CreateConnectionAsync(TestContext.Current.CancellationToken);
        await using var channel = await connection.CreateChannelAsync(cancellationToken: TestContext.Current.CancellationToken);
        foreach (var queue in (string[])["accessplane.reviews", "accessplane.reviews_error", "accessplane.reports"])
        {
            Assert.Equal(0u, await channel.MessageCountAsync(queue, TestContext.Current.CancellationToken));
        }
    }
}

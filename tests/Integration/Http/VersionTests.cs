using System.Text.Json;
using AccessPlane.Contracts;
using AccessPlane.Contracts.Events;
using AccessPlane.Contracts.Identity;
using AccessPlane.ControlPlane.EventStore;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace AccessPlane.Tests.Integration.Http;

/// <summary>`ETag` is the version of a thing, `If-Match` insists on it, and whoever comes too late is shown what was decided before them.</summary>
public sealed class VersionTests(SharedControlPlane plane) : IClassFixture<SharedControlPlane>, IAsyncLifetime
{
    private static readonly HttpMethod Post = HttpMethod.Post;
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;
    private ControlPlaneHost Host => plane.Host;

    public async ValueTask InitializeAsync() => await Host.Publish(SharedControlPlane.Policy + "\n");

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    private Task<Answered> Seen(string path, string subject = "auditor", string group = "auditors") => Host.Send(HttpMethod.Get, path, subject, group);

    /// <summary>Refused with the thing as everybody can read it now.</summary>
    private async Task Lost(string code, string path, Answered answer)
    {
        var seen = await Seen(path);
        Assert.Equal(code, answer.Code);
        Assert.Equal(seen.Body.ToString(), answer.Winning.ToString());
    }

    private async Task<(string Request, string Grant)> Approved()
    {
        var asked = await Host.Send(Post, "/v1/requests", "engineer", "engineering", new { entitlement = "orders-write", duration = "PT30M", reason = "a test" });
        var request = $"/v1/requests/{asked.Id}";
        var reviewed = await Host.Send(Post, $"{request}/reviews", "dba", "dba", new { verdict = "approve" });
        return (request, $"/v1/grants/{reviewed.Body.GetProperty("grantId").GetGuid()}");
    }

    [Fact]
    public async Task A_request_that_has_moved_on_is_shown_as_it_is_now()
    {
        var request = $"/v1/requests/{await Host.Ask("engineer", "orders-careful")}";
        var before = await Seen(request);
        Assert.Equal(1, before.Version);
        await Lost("412 version-mismatch", request, await Host.Send(Post, $"{request}/reviews", "dba", "dba", new { verdict = "approve" }, ifMatch: 7));
        var first = await Host.Send(Post, $"{request}/reviews", "dba", "dba", new { verdict = "approve" }, ifMatch: before.Version);
        Assert.Equal((200, 2), (first.Status, first.Version));
        await Lost("412 version-mismatch", request, await Host.Send(Post, $"{request}/reviews", "dba2", "dba", new { verdict = "approve" }, ifMatch: before.Version));
        Assert.Equal(200, (await Host.Send(Post, $"{request}/reviews", "dba2", "dba", new { verdict = "deny", comment = "not today" })).Status);
        var late = await Host.Send(Post, $"{request}/reviews", "security", "security", new { verdict = "approve" });
        await Lost("409 request-closed", request, late);
        Assert.Equal("Denied", late.Winning.GetProperty("state").GetString());
        await Lost("409 request-closed", request, await Host.Send(Post, $"{request}/cancel", "engineer", "engineering"));
        await Lost("412 version-mismatch", request, await Host.Send(Post, $"{request}/cancel", "engineer", "engineering", ifMatch: 1));
        Assert.Equal((await Seen(request)).ETag, (await Seen(request, "engineer", "engineering")).ETag);
    }

    [Fact]
    public async Task Who_may_not_see_a_thing_learns_nothing_of_it_by_being_late()
    {
        var (request, grant) = await Approved();
        foreach (var stranger in (Answered[])
        [
            await Host.Send(Post, $"{request}/cancel", "stranger", "engineering"), await Host.Send(Post, $"{request}/cancel", "stranger", "engineering", ifMatch: 9),
            await Host.Send(Post, $"{grant}/revoke", "stranger", "engineering"), await Host.Send(Post, $"{grant}/revoke", "stranger", "engineering", ifMatch: 9),
            await Host.Send(Post, $"{grant}/extend", "stranger", "engineering", ifMatch: 9), await Host.Send(Post, $"{grant}/tickets", "stranger", "engineering", ifMatch: 9),
        ])
        {
            Assert.InRange(stranger.Status, 403, 412);
            Assert.False(stranger.Body.TryGetProperty("winning", out _), stranger.Body.ToString());
        }
    }

    [Fact]
    public async Task A_grant_that_has_moved_on_is_shown_as_it_is_now_whatever_was_wanted_of_it()
    {
        await Host.Services.GetRequiredService<EventLog>().Append(
            new Append(
                [new StreamAppend(Ids.Agent("version-agent"), "agent", 0, [new AgentEnrolled("version-agent", ["orders"], "", [new AgentEndpoint("orders", "127.0.0.1", 6432)])])],
                new EventContext(Actor.System("test"), Guid.CreateVersion7())),
            Cancel);
        var (_, grant) = await Approved();
        var issued = await Seen(grant);
        string[] wishes = ["activate", "extend", "tickets", "surrender"];
        foreach (var wish in wishes)
        {
            await Lost("412 version-mismatch", grant, await Host.Send(Post, $"{grant}/{wish}", "engineer", "engineering", new { }, ifMatch: 99));
        }
        await Lost("412 version-mismatch", grant, await Host.Send(Post, $"{grant}/revoke", "dba", "dba", new { reason = "x" }, ifMatch: 99));
        var activated = await Host.Send(Post, $"{grant}/activate", "engineer", "engineering", ifMatch: issued.Version);
        Assert.Equal((200, issued.Version + 1), (activated.Status, activated.Version));
        Assert.Equal(201, (await Host.Send(Post, $"{grant}/extend", "engineer", "engineering", new { }, ifMatch: activated.Version)).Status);
        var revoked = await Host.Send(Post, $"{grant}/revoke", "dba", "dba", new { reason = "enough" }, ifMatch: activated.Version);
        Assert.Equal((200, "Revoked", activated.Version + 1), (revoked.Status, revoked.State, revoked.Version));
        foreach (var wish in wishes)
        {
            var late = await Host.Send(Post, $"{grant}/{wish}", "engineer", "engineering", new { });
            await Lost("409 grant-ended", grant, late);
            Assert.Equal("enough", late.Winning.GetProperty("cause").GetString());
        }
        await Lost("409 grant-ended", grant, await Host.Send(Post, $"{grant}/revoke", "dba2", "dba", new { reason = "me too" }));
    }

    [Fact]
    public async Task Broken_glass_is_reviewed_once_and_whoever_is_late_sees_by_whom()
    {
        var request = await Host.Ask("on-call", "orders-glass", "on-call");
        var grant = $"/v1/grants/{(await Host.Get($"/v1/requests/{request}")).GetProperty("grantId").GetGuid()}";
        string? Debt(JsonElement of) => of.GetProperty("debt").GetProperty("state").GetString();
        Assert.Equal("open", Debt((await Seen(grant)).Body));
        Task<Answered> Review(string who, string group, string verdict, long? ifMatch = null) =>
            Host.Send(Post, $"{grant}/reviews", who, group, new { verdict, comment = "looked at" }, ifMatch);
        Assert.Equal("403 self-review", (await Review("on-call", "on-call", "approve")).Code);
        Assert.Equal("403 not-an-approver", (await Review("dba", "dba", "approve")).Code);
        await Lost("412 version-mismatch", grant, await Review("security", "security", "approve", 99));
        await Lost("409 still-open", grant, await Review("security", "security", "approve"));
        Assert.Equal(200, (await Host.Send(Post, $"{grant}/surrender", "on-call", "on-call")).Status);
        var settled = await Review("security", "security", "approve", (await Seen(grant)).Version);
        Assert.Equal((200, "settled"), (settled.Status, Debt(settled.Body)));
        var late = await Review("security2", "security", "deny");
        await Lost("409 already-reviewed", grant, late);
        Assert.Equal("security", late.Winning.GetProperty("debt").GetProperty("reviewer").GetProperty("subject").GetString());
        Assert.Equal("409 no-review-owed", (await Host.Send(Post, $"{(await Approved()).Grant}/reviews", "dba", "dba", new { verdict = "approve" })).Code);
    }

    [Fact]
    public async Task To_deny_broken_glass_in_review_ends_it()
    {
        var request = await Host.Ask("on-call", "orders-glass", "on-call");
        var grant = $"/v1/grants/{(await Host.Get($"/v1/requests/{request}")).GetProperty("grantId").GetGuid()}";
        var denied = await Host.Send(Post, $"{grant}/reviews", "security", "security", new { verdict = "deny", comment = "no incident" });
        Assert.Equal((200, "Revoked", "no incident"), (denied.Status, denied.State, denied.Body.GetProperty("cause").GetString()));
    }

    [Fact]
    public async Task A_policy_is_published_over_the_version_that_its_author_saw()
    {
        var current = await Seen("/v1/policies/current");
        var document = current.Body.GetProperty("text").GetString()!;
        Assert.Equal(current.Version, current.Body.GetProperty("version").GetInt64());
        Task<Answered> Publish(string text, long version) => Host.Send(HttpMethod.Put, "/v1/policies", "admin", "admins", text, version);
        var next = await Publish(document + "# one\n", current.Version);
        Assert.Equal((200, current.Version + 1), (next.Status, next.Version));
        var late = await Publish(document + "# another\n", current.Version);
        Assert.Equal(("412 version-mismatch", current.Version + 1), (late.Code, late.Winning.GetProperty("version").GetInt64()));
        Assert.Equal(next.Body.GetProperty("hash").GetString(), late.Winning.GetProperty("hash").GetString());
        Assert.Equal(next.ETag, (await Seen("/v1/policies/current")).ETag);
        Assert.Equal(current.Body.ToString(), (await Seen($"/v1/policies/{current.Version}")).Body.ToString());
        Assert.Equal(200, (await Publish(document, next.Version)).Status);
    }

    [Fact]
    public async Task A_lock_is_where_it_was_said_to_be_and_is_lifted_once()
    {
        var placed = await Host.Send(Post, "/v1/locks", "admin", "admins", new { on = new { agent = "no-agent" }, reason = "x" });
        Assert.Equal((201, "Placed"), (placed.Status, placed.State));
        var at = placed.Location!.ToString();
        var seen = await Seen(at);
        Assert.Equal((200, placed.Body.ToString(), placed.ETag), (seen.Status, seen.Body.ToString(), seen.ETag));
        Assert.Equal("403 auditors-only", (await Seen(at, "engineer", "engineering")).Code);
        Assert.Equal("404 no-such-lock", (await Seen($"/v1/locks/{Guid.CreateVersion7()}")).Code);
        await Lost("412 version-mismatch", at, await Host.Send(HttpMethod.Delete, at, "admin", "admins", ifMatch: 9));
        var lifted = await Host.Send(HttpMethod.Delete, at, "admin", "admins", ifMatch: seen.Version);
        Assert.Equal((200, "Lifted", seen.Version + 1), (lifted.Status, lifted.State, lifted.Version));
        await Lost("409 lock-lifted", at, await Host.Send(HttpMethod.Delete, at, "admin", "admins"));
        Assert.Equal((200, "Lifted"), ((await Seen(at)).Status, (await Seen(at)).State));
    }

    [Fact]
    public async Task The_id_of_a_thing_of_another_kind_names_nothing()
    {
        var (request, grant) = await Approved();
        var (ofRequest, ofGrant) = (request[^36..], grant[^36..]);
        (HttpMethod Method, string Path, object? Body)[] calls =
        [
            (Post, $"/v1/requests/{ofGrant}/reviews", new { verdict = "approve" }), (Post, $"/v1/requests/{ofGrant}/cancel", null),
            (Post, $"/v1/grants/{ofRequest}/activate", null), (Post, $"/v1/grants/{ofRequest}/extend", new { }), (Post, $"/v1/grants/{ofRequest}/tickets", new { }),
            (Post, $"/v1/grants/{ofRequest}/surrender", null), (Post, $"/v1/grants/{ofRequest}/revoke", new { }), (Post, $"/v1/grants/{ofRequest}/reviews", new { verdict = "approve" }),
            (Post, $"/v1/sessions/{ofGrant}/terminate", null), (HttpMethod.Get, $"/v1/sessions/{ofGrant}/segments", null), (HttpMethod.Get, $"/v1/sessions/{ofGrant}/transcript", null),
            (Post, $"/v1/holds/{ofGrant}/reviews", new { verdict = "approve" }), (HttpMethod.Delete, $"/v1/locks/{ofGrant}", null), (HttpMethod.Get, $"/v1/locks/{ofGrant}", null),
            (HttpMethod.Get, $"/v1/requests/{ofGrant}", null), (HttpMethod.Get, $"/v1/grants/{ofRequest}", null), (HttpMethod.Get, $"/v1/sessions/{ofGrant}", null),
        ];
        foreach (var (method, path, body) in calls)
        {
            var answer = await Host.Send(method, path, "admin", "admins", body);
            Assert.True(answer.Status == 404, $"{method} {path}: {answer.Code}");
        }
    }
}

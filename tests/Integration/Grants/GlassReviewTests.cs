using AccessPlane.Tests.Integration.Sessions;
using Xunit;

namespace AccessPlane.Tests.Integration.Grants;

/// <summary>What was done behind broken glass waits for somebody who looks at it: they find it, may read all of it until they have said what they think, and nobody else may.</summary>
public sealed class GlassReviewTests(SharedControlPlane plane) : IClassFixture<SharedControlPlane>
{
    private const string Typed = "select what_was_typed_in_the_night";
    private readonly ControlPlaneHost host = plane.Host;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    /// <summary>The glass is broken, and a session is at work behind it.</summary>
    private async Task<(Guid Grant, Guid Request, Guid Session)> Broken(string who)
    {
        var asked = await host.Send(HttpMethod.Post, "/v1/requests", who, "on-call", new { entitlement = "orders-glass", duration = "PT1H", reason = "the night shift" });
        Assert.Equal(201, asked.Status);
        var grant = asked.Body.GetProperty("grantId").GetGuid();
        return (grant, asked.Id, await SeededSession.Recorded(host, who, grant, Typed, "orders-glass"));
    }

    private async Task<List<Guid>> Awaiting(string who, string group) =>
        [.. (await host.Get("/v1/grants?awaiting=me", who, group)).GetProperty("items").EnumerateArray().Select(g => g.GetProperty("id").GetGuid())];

    private Task<Answered> Review(Guid grant, string who, string group, string verdict, string? comment = null) =>
        host.Send(HttpMethod.Post, $"/v1/grants/{grant}/reviews", who, group, new { verdict, comment });

    private async Task<(int Status, bool Typed)> Reads(string who, string group, string path)
    {
        using var client = host.Client(who, group);
        using var answer = await client.GetAsync(new Uri(path, UriKind.Relative), Cancel);
        return ((int)answer.StatusCode, (await answer.Content.ReadAsStringAsync(Cancel)).Contains(Typed, StringComparison.Ordinal));
    }

    [Fact]
    public async Task Who_owes_a_review_finds_it_with_the_reason_and_with_what_was_done_until_it_is_given()
    {
        var (grant, request, session) = await Broken("olga");
        Assert.Contains(grant, await Awaiting("sam", "security"));
        Assert.Equal("the night shift", (await host.Get($"/v1/requests/{request}", "sam", "security")).GetProperty("reason").GetString());
        Assert.Equal(session, Assert.Single((await host.Get($"/v1/sessions?grant={grant}", "sam", "security")).GetProperty("items").EnumerateArray()).GetProperty("id").GetGuid());
        Assert.Equal((200, false), await Reads("sam", "security", $"/v1/sessions/{session}"));
        Assert.Equal((200, true), await Reads("sam", "security", $"/v1/sessions/{session}/transcript"));
        Assert.Equal((200, false), await Reads("sam", "security", $"/v1/sessions/{session}/segments"));
        var reader = Assert.Single((await host.Get($"/v1/audit/events?stream={session}&type=transcript_read")).GetProperty("items").EnumerateArray());
        Assert.Equal("sam", reader.GetProperty("data").GetProperty("reader").GetProperty("subject").GetString());
        // of everything else they see what they saw before
        Assert.Empty((await host.Get("/v1/sessions", "sam", "security")).GetProperty("items").EnumerateArray());
        Assert.Empty((await host.Get($"/v1/sessions?grant={grant}&mine=true", "sam", "security")).GetProperty("items").EnumerateArray());

        // while it is open more may be done with it, which nobody would look at
        Assert.Equal("409 still-open", (await Review(grant, "sam", "security", "approve")).Code);
        Assert.Equal(200, (await host.Send(HttpMethod.Post, $"/v1/grants/{grant}/surrender", "olga", "on-call")).Status);
        var reviewed = await Review(grant, "sam", "security", "approve", "an incident");
        Assert.Equal((200, "Surrendered"), (reviewed.Status, reviewed.State));
        var debt = reviewed.Body.GetProperty("debt");
        Assert.Equal(("settled", "approve", "an incident"), (debt.GetProperty("state").GetString(), debt.GetProperty("verdict").GetString(), debt.GetProperty("comment").GetString()));
        Assert.DoesNotContain(grant, await Awaiting("sam", "security"));
        foreach (var path in (string[])[$"sessions/{session}", $"sessions/{session}/transcript", $"sessions/{session}/segments", $"requests/{request}"])
        {
            Assert.Equal((404, false), await Reads("sam", "security", $"/v1/{path}"));
        }
    }

    [Fact]
    public async Task Who_follows_what_is_done_hears_no_more_of_it_when_it_has_been_reviewed()
    {
        var (grant, _, session) = await Broken("olga5");
        using var client = host.Client("sam", "security");
        using var answer = await client.GetAsync(new Uri($"/v1/sessions/{session}/transcript?follow=true", UriKind.Relative), HttpCompletionOption.ResponseHeadersRead, Cancel);
        using var lines = new StreamReader(await answer.Content.ReadAsStreamAsync(Cancel));
        Assert.Contains(Typed, await lines.ReadLineAsync(Cancel), StringComparison.Ordinal);
        Assert.Equal(200, (await Review(grant, "sandra", "security", "deny")).Status);
        await SeededSession.GoesOn(host, session, "select what_came_afterwards");
        Assert.Null(await lines.ReadLineAsync(Cancel));
    }

    [Fact]
    public async Task Who_is_locked_out_finds_nothing_and_reads_nothing()
    {
        var (grant, request, session) = await Broken("olga6");
        var locked = await host.Send(HttpMethod.Post, "/v1/locks", "admin", "admins", new { on = new { actor = $"{host.Issuer.Address}|stolen" }, reason = "the account was stolen" });
        Assert.Equal(201, locked.Status);
        Assert.Empty(await Awaiting("stolen", "security"));
        Assert.Equal("403 locked", (await Review(grant, "stolen", "security", "deny")).Code);
        foreach (var path in (string[])[$"sessions/{session}", $"sessions/{session}/transcript", $"sessions/{session}/segments", $"requests/{request}"])
        {
            Assert.Equal((404, false), await Reads("stolen", "security", $"/v1/{path}"));
        }
    }

    [Fact]
    public async Task Nobody_else_finds_it_or_reads_it()
    {
        var (grant, _, session) = await Broken("olga2");
        // an approver of something else; another colleague on call; who broke it, even as one of those who review
        foreach (var (who, group) in ((string, string)[])[("dana", "dba"), ("oskar", "on-call"), ("olga2", "security")])
        {
            Assert.DoesNotContain(grant, await Awaiting(who, group));
            var reviewed = await Review(grant, who, group, "approve");
            Assert.True(reviewed.Status == 403, $"{who}: {reviewed.Code}");
        }
        foreach (var part in (string[])["", "/transcript", "/segments"])
        {
            Assert.Equal((404, false), await Reads("dana", "dba", $"/v1/sessions/{session}{part}"));
            Assert.Equal((404, false), await Reads("oskar", "on-call", $"/v1/sessions/{session}{part}"));
        }
        // auditors see all of it, and owe nothing
        Assert.DoesNotContain(grant, await Awaiting("auditor", "auditors"));
        Assert.Equal((200, true), await Reads("auditor", "auditors", $"/v1/sessions/{session}/transcript"));
        Assert.Equal("422 invalid", (await host.Send(HttpMethod.Get, "/v1/grants?awaiting=you", "sam", "security")).Code);
    }

    [Fact]
    public async Task What_was_not_in_order_ends_and_the_second_reviewer_is_shown_what_the_first_said()
    {
        var (grant, _, _) = await Broken("olga3");
        var denied = await Review(grant, "sam", "security", "deny", "call first");
        Assert.Equal((200, "Revoked", "deny"), (denied.Status, denied.State, denied.Body.GetProperty("debt").GetProperty("verdict").GetString()));
        var second = await Review(grant, "sandra", "security", "approve");
        Assert.Equal("409 already-reviewed", second.Code);
        Assert.Equal(("sam", "call first"), (
            second.Winning.GetProperty("debt").GetProperty("reviewer").GetProperty("subject").GetString(), second.Winning.GetProperty("debt").GetProperty("comment").GetString()));
    }

    [Fact]
    public async Task What_ended_by_itself_waits_all_the_same()
    {
        var (grant, _, session) = await Broken("olga4");
        Assert.Equal(200, (await host.Send(HttpMethod.Post, $"/v1/grants/{grant}/surrender", "olga4", "on-call")).Status);
        Assert.Contains(grant, await Awaiting("sam", "security"));
        Assert.Equal((200, true), await Reads("sam", "security", $"/v1/sessions/{session}/transcript"));
        var denied = await Review(grant, "sam", "security", "deny");
        Assert.Equal((200, "Surrendered"), (denied.Status, denied.State));
    }
}

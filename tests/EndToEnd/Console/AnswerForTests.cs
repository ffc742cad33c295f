using System.Text.Json;
using System.Text.RegularExpressions;
using AccessPlane.Tests.EndToEnd.World;
using Microsoft.Playwright;

namespace AccessPlane.Tests.EndToEnd.Console;

/// <summary>What admins and auditors answer for: who could do what, by which rules, enforced by whom, and with which proof.</summary>
public sealed class AnswerForTests(TestWorld world, Browser browser) : IAsyncLifetime
{
    public async ValueTask InitializeAsync() => await world.Rules(inForce: true);

    public async ValueTask DisposeAsync() => await world.Rules(inForce: false);

    [Fact]
    public async Task Two_instants_show_what_was_gained_between_them()
    {
        await world.Everything(database: "orders");
        await using var auditor = await browser.SignIn(world, "auditor", "access");
        await auditor.Press("the last hour");
        await auditor.Sees("#gained");
        await auditor.Sees("section:has(#gained) td", "everything");
        await auditor.Shot("access-as-of");
    }

    [Fact]
    public async Task A_policy_is_drafted_tried_and_published_and_the_other_sees_it_without_reload()
    {
        var ticket = await world.Everything(database: "orders");
        await Run.ToEnd("psql", [ticket.Url("policy-page"), "-XAtc", "select count(*) from shop.orders"]);
        await world.SessionCalled("policy-page", "Closed");
        await using var admin = await browser.SignIn(world, "admin", "policy");
        await using var auditor = await browser.SignIn(world, "auditor", "policy");
        await auditor.Sees("pre.document", "no-ddl");
        await admin.Sees("pre.document", "no-ddl");
        await admin.Shot("policy");
        await admin.Press("Edit a draft");
        var draft = admin.Page.Locator("#draft");
        var text = await draft.InputValueAsync();

        await draft.FillAsync(text.Replace("effect: deny", "effect: refuse", StringComparison.Ordinal));
        await admin.Sees(".problems .error");
        await Assertions.Expect(admin.Page.GetByRole(AriaRole.Button, new() { Name = "Publish" })).ToBeDisabledAsync();
        await admin.Shot("policy-problems");
        await admin.Page.Locator(".problems .error button").First.ClickAsync();
        await Assertions.Expect(draft).ToBeFocusedAsync();

        // nothing that is not understood, and statements that read now wait for people
        await draft.FillAsync(text.Replace("statements: [update, delete], unbounded: true", "statements: [select]", StringComparison.Ordinal));
        await admin.Sees(".note.good", "It could be published");
        await admin.Press("What if…");
        await admin.Sees("section:has(#flips) td", "hold gained");
        await admin.Shot("policy-what-if");
        await admin.Press("Publish");
        await admin.Sees(".note.good", "is in force");

        await auditor.Sees("pre.document", "statements: [select]");
        var versions = await auditor.Page.GetByLabel("version").Locator("option").AllTextContentsAsync();
        await auditor.Page.GetByLabel("against").SelectOptionAsync(versions[1]);
        await auditor.Sees(".diff .came", "statements: [select]");
        await auditor.Sees(".diff .went", "unbounded: true");
        await auditor.Shot("policy-history");
        await Assertions.Expect(auditor.Page.GetByRole(AriaRole.Button, new() { Name = "Publish" })).ToHaveCountAsync(0);
    }

    [Fact]
    public async Task Agents_show_their_lease_and_what_they_found()
    {
        await using var admin = await browser.SignIn(world, "admin", "agents");
        var agent = admin.Card("orders-agent");
        await Assertions.Expect(agent).ToContainTextAsync("lease holds");
        await Assertions.Expect(agent).ToContainTextAsync(new Regex(@"spool \d+ % full"));
        await Assertions.Expect(agent).ToContainTextAsync($"version {typeof(AccessPlane.Agent.AgentConfig).Assembly.GetName().Version!.ToString(3)}");
        await agent.GetByText("Masks of crm").ClickAsync();
        await Assertions.Expect(agent.Locator("details[open]").First).ToContainTextAsync("looked at");
        await admin.Shot("agents");
    }

    [Fact]
    public async Task Evidence_is_built_downloaded_and_verified_without_the_server()
    {
        var ticket = await world.Everything(database: "orders");
        await Run.ToEnd("psql", [ticket.Url("evidence-page"), "-XAtc", "select 1"]);
        var session = (await world.SessionCalled("evidence-page", "Closed")).GetProperty("id").GetString()!;
        await using var auditor = await browser.SignIn(world, "auditor", "evidence");
        await auditor.Sees(".offers");
        await auditor.Shot("evidence");
        await auditor.Page.Locator(".offer").Filter(new() { HasText = "A session" }).ClickAsync();
        await auditor.Page.GetByLabel("Its id").FillAsync(Guid.Empty.ToString());
        await auditor.Press("Download the pack");
        await auditor.Sees("output", "there is no such session");
        auditor.Forgives("404");

        await auditor.Page.GetByLabel("Its id").FillAsync(session);
        var download = await auditor.Page.RunAndWaitForDownloadAsync(() => auditor.Press("Download the pack"));
        var path = Path.GetTempFileName();
        await download.SaveAsAsync(path);
        using (var pack = JsonDocument.Parse(await File.ReadAllTextAsync(path, TestContext.Current.CancellationToken)))
        {
            Assert.Equal(session, pack.RootElement.GetProperty("about").GetProperty("session").GetString());
        }
        var verified = await Run.ToEnd($"{TestWorld.Root}/infra/verify-evidence", [path, "--checkpoints", $"{TestWorld.State}/checkpoints"], TestWorld.Settings);
        File.Delete(path);
        verified.Succeeded();
    }

    [Fact]
    public async Task Figures_count_what_happened()
    {
        var ticket = await world.Everything(database: "orders");
        await using var psql = Run.Start("psql", [ticket.Url("figures-page"), "-XAt", "-c", "drop table shop.orders", "-c", "select pg_sleep(120)"]);
        var session = (await world.SessionCalled("figures-page", "Open")).GetProperty("id").GetString();
        (await world.Api.Post("admin", $"/v1/sessions/{session}/terminate", new { reason = "for the figures" })).Is(202);
        var row = await world.SessionCalled("figures-page", "Terminated");
        var begun = row.GetProperty("startedAt").GetDateTimeOffset().UtcDateTime;
        var figures = (await world.Api.Get("auditor", $"/v1/audit/figures?from={begun:O}&to={begun.AddMinutes(5):O}")).Is(200).Body;
        Assert.Equal((60, 1L, 1L, 1L), (
            figures.GetProperty("parts").GetArrayLength(), Sum(figures, "parts", "sessions"), Sum(figures, "parts", "denied"), Sum(figures, "cuts", "sessions")));

        await using var auditor = await browser.SignIn(world, "auditor", "figures");
        await auditor.Press("hour");
        await auditor.Sees("figure", "Revocation to cut");
        Assert.True(await auditor.Page.Locator("figure rect.bad").CountAsync() > 0, "what was denied is drawn");
        await auditor.Shot("figures");

        (await world.Api.Get("engineer", "/v1/audit/figures")).Is(403);
        await using var engineer = await browser.SignIn(world, "engineer", "figures");
        await engineer.Sees(".note.bad", "figures are for auditors and admins");
    }

    private static long Sum(JsonElement figures, string list, string what) => figures.GetProperty(list).EnumerateArray().Sum(p => p.GetProperty(what).GetInt64());
}

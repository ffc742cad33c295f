using System.Globalization;
using System.Text.Json;
using System.Text.RegularExpressions;
using System.Xml;
using AccessPlane.Tests.EndToEnd.World;
using Microsoft.Playwright;

namespace AccessPlane.Tests.EndToEnd.Console;

/// <summary>What admins and auditors answer for: who could do what, by which rules, enforced by whom, and with which proof.</summary>
public sealed class AnswerForTests(TestWorld world, Browser browser) : IAsyncLifetime
{
    public async ValueTask InitializeAsync() => await world.Rules(inForce: true);

    public async ValueTask DisposeAsync() => await world.Rules(inForce: false);

    [Fact]
    public async Task Two_instants_show_what_was_gained_between_them_and_what_was_lost()
    {
        var grant = await world.Grant("engineer", "everything");
        await world.TicketFor("engineer", grant);
        await using var auditor = await browser.SignIn(world, "auditor", "access");
        await auditor.Press("the last hour");
        await auditor.Sees("#gained");
        await auditor.Sees("section:has(#gained) td", "everything");
        await auditor.Shot("access-as-of");

        // given back after a whole second in which it was held: fields know no less
        var held = Second((await world.Api.Get("engineer", $"/v1/grants/{grant}")).Is(200).Body.GetProperty("activatedAt").GetDateTimeOffset()).AddSeconds(2);
        await Wait.Until(() => TimeProvider.System.GetUtcNow() > held, 5, () => $"it is not {held} yet");
        (await world.Api.Post("engineer", $"/v1/grants/{grant}/surrender")).Is(200);
        var over = Second(TimeProvider.System.GetUtcNow()).AddSeconds(1);
        var lost = auditor.Page.Locator($"section:has(#lost local-time[at^='{held:s}']) tr").Filter(new() { HasText = "everything" });
        await Wait.Until(() => TimeProvider.System.GetUtcNow() > over, 5, () => $"it is not {over} yet");
        await auditor.Types("At", held);
        await auditor.Types("Compared with", over);
        await auditor.Press("Look");
        await Assertions.Expect(lost).ToHaveCountAsync(1);
        async Task<int> Held(string section) => await auditor.Page.Locator($"section:has(#{section}) tbody tr").Filter(new() { HasText = "everything" }).CountAsync();
        Assert.Equal(await Held("held"), await Held("held-then") + 1);
        string[] told = ["Erin Engineer", "orders", "everything", "any statement in any database"];
        await Assertions.Expect(lost.Locator("td:nth-child(-n+4)")).ToHaveTextAsync(told);

        // the other way round it was gained: by whom, where, by what, what they may, and since when
        await auditor.Types("At", over);
        await auditor.Types("Compared with", held);
        await auditor.Press("Look");
        var gained = auditor.Page.Locator($"section:has(#gained local-time[at^='{held:s}']) tr").Filter(new() { HasText = "everything" });
        await Assertions.Expect(gained).ToHaveCountAsync(1);
        Assert.Equal(await Held("held-then"), await Held("held") + 1);
        await Assertions.Expect(gained.Locator("td:nth-child(-n+4)")).ToHaveTextAsync(told);
        var since = (await world.Api.Get("engineer", $"/v1/grants/{grant}")).Is(200).Body.GetProperty("activatedAt").GetDateTimeOffset();
        var begun = DateTimeOffset.Parse((await gained.Locator("td:nth-child(5) local-time").GetAttributeAsync("at"))!, CultureInfo.InvariantCulture);
        Assert.InRange(begun - since, TimeSpan.Zero, TimeSpan.FromSeconds(1)); // as the log has it, a moment after it was decided
        await Assertions.Expect(auditor.Page.Locator("section:has(#lost) tr").Filter(new() { HasText = "everything" })).ToHaveCountAsync(0);
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
        var flip = admin.Page.Locator("section:has(#flips) tbody tr").Filter(new() { HasText = "hold gained" }).Filter(new() { HasText = "Erin Engineer" }).First;
        await Assertions.Expect(flip).ToContainTextAsync("bulk-write");
        await Assertions.Expect(flip.Locator("td.number").First).ToHaveTextAsync(new Regex(@"^[1-9][\d,]*$"));
        await Assertions.Expect(flip.Locator("pre").First).Not.ToBeEmptyAsync();
        await admin.Shot("policy-what-if");
        await admin.Press("Publish");
        await admin.Sees(".note.good", "is in force");

        await auditor.Sees("pre.document", "statements: [select]");
        var picked = auditor.Page.Locator("section:has(#history) select").First;
        var versions = await picked.Locator("option").AllTextContentsAsync();
        await auditor.Page.GetByLabel("against").SelectOptionAsync(versions[1]);
        await auditor.Sees(".diff .came", "statements: [select]");
        await auditor.Sees(".diff .went", "unbounded: true");
        await auditor.Shot("policy-history");
        // the one before it as it was, with whose it was
        await auditor.Page.GetByLabel("against").SelectOptionAsync("");
        await picked.SelectOptionAsync(versions[1]);
        await auditor.Sees("pre.document", "unbounded: true");
        await Assertions.Expect(auditor.Page.Locator("pre.document")).Not.ToContainTextAsync("match: { statements: [select] }");
        await Assertions.Expect(auditor.Page.Locator("main")).ToContainTextAsync("published by");
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
        await Assertions.Expect(agent.Locator("details[open]").First).ToContainTextAsync(new Regex("revoke temporary on database orders", RegexOptions.IgnoreCase));
        await admin.Shot("agents");
    }

    [Fact]
    public async Task Evidence_is_built_downloaded_and_verified_without_the_server()
    {
        var grant = await world.Grant("engineer", "everything");
        await Run.ToEnd("psql", [(await world.TicketFor("engineer", grant)).Url("evidence-page"), "-XAtc", "select 1"]);
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
        verified.Succeeded();

        // the request that it came from leads to it
        var request = (await world.Api.Get("engineer", $"/v1/grants/{grant}")).Is(200).Text("request");
        await auditor.Page.Locator(".offer").Filter(new() { HasText = "A request" }).ClickAsync();
        await auditor.Page.GetByLabel("Its id").FillAsync(request);
        var whole = await auditor.Page.RunAndWaitForDownloadAsync(() => auditor.Press("Download the pack"));
        await whole.SaveAsAsync(path);
        using (var pack = JsonDocument.Parse(await File.ReadAllTextAsync(path, TestContext.Current.CancellationToken)))
        {
            Assert.Equal(request, pack.RootElement.GetProperty("about").GetProperty("request").GetString());
        }
        Assert.Contains(session, await File.ReadAllTextAsync(path, TestContext.Current.CancellationToken), StringComparison.Ordinal);
        (await Run.ToEnd($"{TestWorld.Root}/infra/verify-evidence", [path, "--checkpoints", $"{TestWorld.State}/checkpoints"], TestWorld.Settings)).Succeeded();

        // the same as a page to read, and a period with all that began in it
        var read = await auditor.Page.RunAndWaitForDownloadAsync(() => auditor.Press("Download a page to read and print"));
        await read.SaveAsAsync(path);
        Assert.Contains(session, await File.ReadAllTextAsync(path, TestContext.Current.CancellationToken), StringComparison.Ordinal);
        var begun = (await world.SessionCalled("evidence-page")).GetProperty("startedAt").GetDateTimeOffset();
        await auditor.Page.Locator(".offer").Filter(new() { HasText = "A period" }).ClickAsync();
        await auditor.Types("From", begun.AddSeconds(-5));
        await auditor.Types("To", begun.AddSeconds(5));
        var period = await auditor.Page.RunAndWaitForDownloadAsync(() => auditor.Press("Download the pack"));
        await period.SaveAsAsync(path);
        Assert.Contains(session, await File.ReadAllTextAsync(path, TestContext.Current.CancellationToken), StringComparison.Ordinal);
        (await Run.ToEnd($"{TestWorld.Root}/infra/verify-evidence", [path, "--checkpoints", $"{TestWorld.State}/checkpoints"], TestWorld.Settings)).Succeeded();
        File.Delete(path);
    }

    [Fact]
    public async Task Figures_count_what_happened()
    {
        var ticket = await world.Everything(database: "orders");
        await using var psql = Run.Start(
            "psql", [ticket.Url("figures-page"), "-XAt", "-c", "drop table shop.orders", "-c", "update shop.products set price = price", "-c", "select pg_sleep(120)"]);
        var session = (await world.SessionCalled("figures-page", "Open")).GetProperty("id").GetString()!;
        await world.Release(session);
        var asked = (await world.Api.Post("engineer", "/v1/requests", new { entitlement = "orders-write", duration = "PT10M", reason = "for the figures" })).Is(201).Text("id");
        (await world.Api.Post("dba", $"/v1/requests/{asked}/reviews", new { verdict = "approve" })).Is(200);
        var request = (await world.Api.Get("engineer", $"/v1/requests/{asked}")).Is(200);
        (await world.Api.Post("engineer", $"/v1/grants/{request.Text("grantId")}/surrender")).Is(200); // others want to ask for it
        (await world.Api.Post("admin", $"/v1/sessions/{session}/terminate", new { reason = "for the figures" })).Is(202);
        var row = await world.SessionCalled("figures-page", "Terminated");
        var begun = row.GetProperty("startedAt").GetDateTimeOffset().UtcDateTime;
        var figures = (await world.Api.Get("auditor", $"/v1/audit/figures?from={begun:O}&to={begun.AddMinutes(5):O}")).Is(200).Body;
        Assert.Equal((60, 1L, 1L, 1L), (
            figures.GetProperty("parts").GetArrayLength(), Sum(figures, "parts", "sessions"), Sum(figures, "parts", "denied"), Sum(figures, "cuts", "sessions")));
        Assert.Equal((1L, 1L), (Sum(figures, "parts", "held"), Sum(figures, "parts", "approved")));
        var took = XmlConvert.ToTimeSpan(figures.GetProperty("parts").EnumerateArray().Single(p => p.GetProperty("approved").GetInt64() == 1).GetProperty("timeToApprove").GetString()!);
        var waited = request.Body.GetProperty("closedAt").GetDateTimeOffset() - request.Body.GetProperty("submittedAt").GetDateTimeOffset();
        Assert.InRange(took, waited - TimeSpan.FromMilliseconds(1), waited + TimeSpan.FromMilliseconds(1));

        await using var auditor = await browser.SignIn(world, "auditor", "figures");
        await auditor.Press("hour");
        await auditor.Sees("figure", "Revocation to cut");
        Assert.True(await auditor.Page.Locator("figure rect.bad").CountAsync() > 0, "what was denied is drawn");
        foreach (var (told, drawn) in ((string, string)[])[(@"Held\s+[1-9]\d* statement", "rect.wait"), (@"Time to approve\s+median; [1-9]\d* requests? that people approved", "rect.good")])
        {
            var figure = auditor.Page.Locator("figure").Filter(new() { HasTextRegex = new Regex(told) });
            await Assertions.Expect(figure.Locator(drawn)).Not.ToHaveCountAsync(0);
        }
        // a bar and its row say when by the reader's clock, and in UTC
        var sessions = auditor.Page.Locator("figure").Filter(new() { HasText = "opened" });
        await sessions.GetByText("as a table").ClickAsync();
        var when = await sessions.EvaluateAsync<string[]>(Pointed);
        var at = DateTimeOffset.Parse(when[0], CultureInfo.InvariantCulture);
        var wall = TimeZoneInfo.ConvertTime(at, Seat.Zone).ToString("HH:mm", CultureInfo.InvariantCulture);
        Assert.Contains(wall, when[1], StringComparison.Ordinal);
        Assert.Contains(wall, when[2], StringComparison.Ordinal);
        Assert.EndsWith($"{at.UtcDateTime:yyyy-MM-dd HH:mm:ss} UTC", when[2], StringComparison.Ordinal);
        await auditor.Shot("figures");

        (await world.Api.Get("engineer", "/v1/audit/figures")).Is(403);
        await using var engineer = await browser.SignIn(world, "engineer", "figures");
        await engineer.Sees(".note.bad", "figures are for auditors and admins");
    }

    /// <summary>Points at a chart's last bar: when it is, what its row says, and its tooltip, all at one moment, because the page reads itself again.</summary>
    private const string Pointed = """
        (figure) => {
          const [when, bar] = ["td local-time", "rect"].map((what) => [...figure.querySelectorAll(what)].at(-1));
          bar.dispatchEvent(new PointerEvent("pointerover", { bubbles: true }));
          return [when.getAttribute("at"), when.textContent, bar.querySelector("title").textContent];
        }
        """;

    /// <summary>The whole second in which it is.</summary>
    private static DateTimeOffset Second(DateTimeOffset at) => DateTimeOffset.FromUnixTimeSeconds(at.ToUnixTimeSeconds());

    private static long Sum(JsonElement figures, string list, string what) => figures.GetProperty(list).EnumerateArray().Sum(p => p.GetProperty(what).GetInt64());
}

using AccessPlane.Tests.EndToEnd.World;
using Microsoft.Playwright;

namespace AccessPlane.Tests.EndToEnd.Console;

/// <summary>Watching what is done, ending it, and finding it again afterwards.</summary>
public sealed class WatchTests(TestWorld world, Browser browser) : IAsyncLifetime
{
    private readonly string name = $"watched-{Guid.CreateVersion7():N}"[..28];

    public async ValueTask InitializeAsync() => await world.Rules(inForce: true);

    public async ValueTask DisposeAsync() => await world.Rules(inForce: false);

    [Fact]
    public async Task A_session_is_seen_as_it_works_and_can_be_ended()
    {
        await using var admin = await browser.SignIn(world, "admin", "live");
        await admin.Sees("#feed");
        var ticket = await world.Everything(database: "orders");
        await using var psql = Run.Start("psql", [ticket.Url(name), "-XAt", "-c", "select 'seen as it works'", "-c", "select pg_sleep(120)"]);

        var row = admin.Page.Locator("tbody tr").Filter(new() { HasText = name });
        await Assertions.Expect(row).ToBeVisibleAsync();
        await row.GetByRole(AriaRole.Button, new() { Name = "only this" }).ClickAsync();
        await admin.Sees("pre", "seen as it works");
        await admin.Sees("pre", "pg_sleep");
        await admin.Shot("live");
        await admin.Press("End…", row);
        await row.GetByLabel("Why").FillAsync("it sleeps");
        await admin.Press("End it", row);
        await Assertions.Expect(row).ToHaveCountAsync(0);
        var ran = await psql.End();
        Assert.NotEqual(0, ran.Status);
        Assert.Equal("terminated", (await world.SessionCalled(name, "Terminated")).GetProperty("cause").GetString());
    }

    [Fact]
    public async Task Who_is_locked_out_stays_out_until_the_lock_is_lifted_and_closing_everything_takes_more_than_a_click()
    {
        await using var admin = await browser.SignIn(world, "admin", "live");
        await admin.Press("Place a lock…");
        await admin.Page.GetByLabel("Which").FillAsync($"{world.Issuer}|engineer2");
        await admin.Page.GetByLabel("Why").FillAsync(name);
        await admin.Page.GetByRole(AriaRole.Button, new() { Name = "Lock", Exact = true }).ClickAsync();
        var placed = admin.Page.Locator(".lock").Filter(new() { HasText = name });
        await Assertions.Expect(placed).ToBeVisibleAsync();
        Assert.Equal("locked", (await world.Api.Post("engineer2", "/v1/requests", new { entitlement = "orders-read" })).Is(403).Text("code"));
        await admin.Press("Close everything…");
        await Assertions.Expect(admin.Page.Locator("form.card button[type=submit]")).ToBeDisabledAsync();
        await admin.Shot("live-locks");
        await admin.Press("Lift", placed);
        await Assertions.Expect(placed).ToHaveCountAsync(0);
        (await world.Api.Post("engineer2", "/v1/requests", new { entitlement = "orders-read" })).Is(201);
    }

    [Fact]
    public async Task What_was_run_is_found_again_replayed_and_proven()
    {
        var ticket = await world.Everything(database: "orders");
        await Run.ToEnd("psql", [ticket.Url(name), "-XAt", "-c", $"select '{name}'", "-c", "select name, card_number from shop.customers limit 2", "-c", "select pg_sleep(1)", "-c", "drop table shop.orders"]);
        var session = await world.SessionCalled(name, "Closed");

        await using var auditor = await browser.SignIn(world, "auditor", "sessions");
        await auditor.Sees("td small", name);
        await auditor.Shot("sessions");
        await auditor.Page.GetByLabel("Words of the statement").FillAsync("drop table");
        await auditor.Page.GetByLabel("Verdict").SelectOptionAsync("deny");
        await auditor.Page.GetByLabel("Relation").FillAsync("shop.orders");
        await auditor.Press("Search");
        await auditor.Sees("td pre", "drop table shop.orders");
        Assert.Contains("verdict=deny", auditor.Page.Url, StringComparison.Ordinal);
        await auditor.Shot("sessions-search");

        await auditor.Page.GotoAsync($"{world.Url}/console/sessions/{session.GetProperty("id").GetString()}");
        await auditor.Sees(".moments pre", "drop table");
        await Assertions.Expect(auditor.Page.Locator(".moments li.bad")).ToHaveCountAsync(1);
        await Assertions.Expect(auditor.Page.Locator(".moments li.mask")).ToHaveCountAsync(1);
        await auditor.Press("why?", auditor.Page.Locator(".moments li.bad"));
        await auditor.Sees(".why-box", "The policy of then, asked again, says the same");
        await auditor.Press("Verify");
        await auditor.Sees(".note.good", "It checks out");
        await auditor.Shot("session-replay");

        // played from its beginning: what is later is not shown yet, and comes at the session's own pace
        await auditor.Page.Locator(".scrub").FillAsync("0");
        await Assertions.Expect(auditor.Page.Locator(".moments li").Last).ToHaveAttributeAsync("data-later", "");
        await auditor.Page.GetByLabel("Speed").SelectOptionAsync("4");
        await auditor.Press("Play");
        await Assertions.Expect(auditor.Page.Locator(".moments li").Last).Not.ToHaveAttributeAsync("data-later", "");

        var read = (await world.Api.Get("auditor", $"/v1/audit/events?type=transcript_read&stream={session.GetProperty("id").GetString()}")).Is(200).Body.GetProperty("items");
        Assert.Equal("Ada Auditor", Assert.Single(read.EnumerateArray()).GetProperty("data").GetProperty("reader").GetProperty("name").GetString());
    }

    [Fact]
    public async Task Others_sessions_are_not_there_for_who_may_not_see_them()
    {
        var ticket = await world.Everything(database: "orders");
        (await Run.ToEnd("psql", [ticket.Url(name), "-XAtc", $"select '{name}'"])).Succeeded();
        var session = (await world.SessionCalled(name, "Closed")).GetProperty("id").GetString();
        await using var other = await browser.SignIn(world, "engineer2", "sessions");
        await other.Sees("h1", "Sessions");
        await Assertions.Expect(other.Page.GetByText(name)).ToHaveCountAsync(0);
        await other.Page.GotoAsync($"{world.Url}/console/sessions/{session}");
        await other.Sees(".note.bad", "there is no such session");
    }
}

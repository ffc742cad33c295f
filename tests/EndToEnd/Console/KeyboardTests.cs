using AccessPlane.Tests.EndToEnd.World;
using Microsoft.Playwright;

namespace AccessPlane.Tests.EndToEnd.Console;

/// <summary>Every page without a mouse: each control is reached by the Tab key and shows that it has the focus, and does what it does by Enter, Space and the arrows.</summary>
public sealed class KeyboardTests(TestWorld world, Browser browser) : IAsyncLifetime
{
    private readonly string name = $"keyboard-{Guid.CreateVersion7():N}"[..28];

    public async ValueTask InitializeAsync() => await world.Rules(inForce: true);

    public async ValueTask DisposeAsync() => await world.Rules(inForce: false);

    [Fact]
    public async Task Asking_and_deciding_need_no_mouse()
    {
        var why = $"asked without a mouse {name}";
        await using var engineer = await browser.SignIn(world, "engineer2");
        var keys = engineer.Page.Keyboard;
        await engineer.Page.EvaluateAsync("() => document.activeElement?.blur()");
        await engineer.Reach(engineer.Page.Locator("header.page button"));
        await keys.PressAsync("Enter");
        await engineer.Sees(".offers");
        await engineer.Reach(engineer.Page.Locator(".offer input").First);
        await keys.PressAsync("Space");
        await engineer.Sees("dl.terms");
        await engineer.Reach(engineer.Page.Locator("form .fields input").First);
        await keys.TypeAsync(why);
        await keys.PressAsync("Enter");
        await engineer.Sees("td", why);

        var needsSomebody = $"no mouse {name}";
        (await world.Api.Post("engineer2", "/v1/requests", new { entitlement = "orders-write", duration = "PT10M", reason = needsSomebody })).Is(201);
        await using var dba = await browser.SignIn(world, "dba", "to-decide");
        var asked = dba.Card(needsSomebody);
        await Assertions.Expect(asked).ToBeVisibleAsync();
        Assert.True(await dba.WalksThrough("To decide") >= 3);
        await dba.Page.EvaluateAsync("() => document.activeElement?.blur()");
        await dba.Reach(asked.GetByLabel("Comment"));
        await dba.Page.Keyboard.TypeAsync("by the keyboard alone");
        await dba.Reach(asked.GetByRole(AriaRole.Button, new() { Name = "Approve" }));
        await dba.Page.Keyboard.PressAsync("Space");
        await Assertions.Expect(asked).ToContainTextAsync("You have decided. It is approved");
        await Assertions.Expect(asked).ToContainTextAsync("by the keyboard alone");

        // a ticket, taken and copied, and the grant given back
        var grant = engineer.Card("orders-write").Filter(new() { Has = engineer.Page.GetByRole(AriaRole.Button, new() { Name = "Surrender…" }) });
        await Assertions.Expect(grant).ToBeVisibleAsync();
        await engineer.Reach(grant.GetByRole(AriaRole.Button, new() { Name = "Get a ticket" }));
        await keys.PressAsync("Enter");
        await engineer.Reach(grant.GetByRole(AriaRole.Button, new() { Name = "Copy for psql" }));
        await keys.PressAsync("Enter");
        await Wait.Until(async () => (await engineer.Page.EvaluateAsync<string>("() => navigator.clipboard.readText()")).StartsWith("psql 'postgresql://", StringComparison.Ordinal), 10, () => "nothing was copied");
        await engineer.Reach(grant.GetByRole(AriaRole.Button, new() { Name = "Surrender…" }));
        await keys.PressAsync("Enter");
        await engineer.Reach(engineer.Page.GetByRole(AriaRole.Button, new() { Name = "Give it back" }));
        await keys.PressAsync("Enter");
        await Assertions.Expect(engineer.Card("orders-write")).ToHaveCountAsync(0);
    }

    [Fact]
    public async Task Every_control_of_every_page_is_reached_and_does_what_it_does()
    {
        var ticket = await world.Everything(database: "orders");
        (await Run.ToEnd("psql", [ticket.Url(name), "-XAt", "-c", "select 'before it'", "-c", $"select '{name}'"])).Succeeded();
        var session = (await world.SessionCalled(name, "Closed")).GetProperty("id").GetString();
        await using var admin = await browser.SignIn(world, "admin");
        var (page, keys) = (admin.Page, admin.Page.Keyboard);

        // from page to page by the links beside it, and on each from its first control to its last
        foreach (var (link, heading) in ((string, string)[])[
            ("Mine", "Mine"), ("To decide", "To decide"), ("Live", "Live"), ("Sessions", "Sessions"), ("Access as of", "Access as of"), ("Figures", "Figures"), ("Policy", "Policy"),
            ("Agents", "Agents"), ("Evidence", "Evidence")])
        {
            await page.EvaluateAsync("() => document.activeElement?.blur()");
            await admin.Reach(page.Locator("nav").GetByRole(AriaRole.Link, new() { Name = link }));
            await keys.PressAsync("Enter");
            await Assertions.Expect(page.Locator("main h1")).ToHaveTextAsync(heading);
            if (link != "To decide") // admins decide nothing: that page is walked through where there is something
            {
                await admin.Sees("main :is(a, button, input, summary)");
                Assert.True(await admin.WalksThrough(link) > 0, $"there is nothing to do on {link}");
            }
        }

        // what each is for
        await admin.Go("Live");
        await admin.Reach(page.GetByRole(AriaRole.Button, new() { Name = "Place a lock…" }));
        await keys.PressAsync("Enter");
        await admin.Reach(page.GetByLabel("Which"));
        await keys.TypeAsync($"{world.Issuer}|nobody-{name}");
        await admin.Reach(page.GetByLabel("Why"));
        await keys.TypeAsync(name);
        await keys.PressAsync("Enter");
        var placed = page.Locator(".lock").Filter(new() { HasText = name });
        await Assertions.Expect(placed).ToBeVisibleAsync();
        await admin.Reach(placed.GetByRole(AriaRole.Button, new() { Name = "Lift" }));
        await keys.PressAsync("Space");
        await Assertions.Expect(placed).ToHaveCountAsync(0);

        var another = await world.Everything(database: "orders");
        await using var sleeps = Run.Start("psql", [another.Url($"{name}-2"), "-XAt", "-c", "select pg_sleep(120)"]);
        var row = page.Locator("tbody tr").Filter(new() { HasText = $"{name}-2" });
        await Assertions.Expect(row.First).ToBeVisibleAsync();
        await page.EvaluateAsync("() => document.activeElement?.blur()");
        await admin.Reach(row.First.GetByRole(AriaRole.Button, new() { Name = "End…" }));
        await keys.PressAsync("Enter");
        await admin.Reach(row.First.GetByLabel("Why"));
        await keys.TypeAsync("by the keyboard");
        await keys.PressAsync("Enter");
        Assert.NotEqual(0, (await sleeps.End()).Status);

        await admin.Go("Sessions");
        await admin.Reach(page.GetByLabel("Words of the statement"));
        await keys.TypeAsync(name);
        await keys.PressAsync("Enter");
        await admin.Sees("td pre", name);
        await admin.Reach(page.Locator("#found ~ * a").Last);
        await keys.PressAsync("Enter");
        await admin.Sees(".moments pre", name);
        Assert.Contains($"/console/sessions/{session}?op=2", page.Url, StringComparison.Ordinal);
        Assert.True(await admin.WalksThrough("a session's replay") > 5);
        await admin.Reach(page.Locator(".scrub"));
        await keys.PressAsync("Home");
        await Assertions.Expect(page.Locator(".moments > li").Last).ToHaveAttributeAsync("data-later", "");
        await keys.PressAsync("End");
        await Assertions.Expect(page.Locator(".moments > li[data-later]")).ToHaveCountAsync(0);
        await page.EvaluateAsync("() => document.activeElement?.blur()");
        await admin.Reach(page.GetByRole(AriaRole.Button, new() { Name = "Verify" }));
        await keys.PressAsync("Enter");
        await admin.Sees(".note.good", "It checks out");

        await admin.Go("Access as of");
        await admin.Reach(page.GetByRole(AriaRole.Button, new() { Name = "the last hour" }));
        await keys.PressAsync("Enter");
        await admin.Sees("#gained");

        await admin.Go("Figures");
        await admin.Reach(page.GetByRole(AriaRole.Button, new() { Name = "week" }));
        await keys.PressAsync("Space");
        await Assertions.Expect(page.GetByRole(AriaRole.Button, new() { Name = "week" })).ToHaveAttributeAsync("aria-pressed", "true");
        await admin.Reach(page.Locator("figure summary").First);
        await keys.PressAsync("Enter");
        await admin.Sees("figure table");

        await admin.Go("Policy");
        await admin.Reach(page.GetByRole(AriaRole.Button, new() { Name = "Edit a draft" }));
        await keys.PressAsync("Enter");
        await admin.Reach(page.Locator("#draft"));
        await keys.PressAsync("Control+Home");
        await keys.TypeAsync("x");
        await admin.Sees(".problems .error");
        await admin.Reach(page.Locator(".problems .error button").First);
        await keys.PressAsync("Enter");
        await Assertions.Expect(page.Locator("#draft")).ToBeFocusedAsync();

        await admin.Go("Agents");
        await admin.Reach(page.Locator("summary").First);
        await keys.PressAsync("Enter");
        await Assertions.Expect(page.Locator("details[open]")).Not.ToHaveCountAsync(0);

        await admin.Go("Evidence");
        await admin.Reach(page.Locator(".offer input[value=period]"));
        await keys.PressAsync("ArrowUp");
        await admin.Reach(page.GetByLabel("Its id"));
        await keys.TypeAsync(session!);
        var pack = await page.RunAndWaitForDownloadAsync(() => keys.PressAsync("Enter"));
        Assert.EndsWith(".json", pack.SuggestedFilename, StringComparison.Ordinal);
    }
}

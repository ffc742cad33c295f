using AccessPlane.Tests.EndToEnd.World;
using Microsoft.Playwright;

namespace AccessPlane.Tests.EndToEnd.Console;

/// <summary>The worst came: one admin closes everything from a browser, and two open again.</summary>
public sealed class CloseEverythingTests(TestWorld world, Browser browser) : IAsyncLifetime
{
    private readonly string name = $"closed-{Guid.CreateVersion7():N}"[..28];

    public ValueTask InitializeAsync() => ValueTask.CompletedTask;

    /// <summary>Whatever became of the test: who comes next finds everything open.</summary>
    public async ValueTask DisposeAsync()
    {
        foreach (var closed in (await world.Api.Get("admin", "/v1/locks")).Is(200).Body.GetProperty("items").EnumerateArray().Where(l => l.GetProperty("on").TryGetProperty("everything", out _)))
        {
            // one of them may have agreed already, and is told so
            foreach (var admin in new[] { "admin", "admin2" })
            {
                await world.Api.Delete(admin, $"/v1/locks/{closed.GetProperty("id").GetString()}");
            }
        }
        Assert.Equal(0, (await world.Api.Get("admin", "/v1/locks")).Is(200).Body.GetProperty("items").GetArrayLength());
    }

    private async Task<Answer> Asks() => await world.Api.Post("engineer", "/v1/requests", new { entitlement = "orders-read", reason = name });

    [Fact]
    public async Task One_admin_closes_everything_which_cuts_who_is_inside_and_only_two_open_it_again()
    {
        await using var admin = await browser.SignIn(world, "admin", "live");
        await using var other = await browser.SignIn(world, "admin2", "live");
        var ticket = await world.Everything(database: "orders");
        await using var psql = Run.Start("psql", [ticket.Url(name), "-XAt", "-c", "select pg_sleep(120)"]);
        await Assertions.Expect(admin.Page.Locator("tbody tr").Filter(new() { HasText = name })).ToBeVisibleAsync();

        await admin.Press("Close everything…");
        var form = admin.Page.Locator("form.card");
        await form.GetByLabel("Why").FillAsync(name);
        await Assertions.Expect(form.Locator("button[type=submit]")).ToBeDisabledAsync();
        await form.GetByLabel("Type").FillAsync("close everything");
        await form.Locator("button[type=submit]").ClickAsync();
        // both hear of it, and who was inside is out
        foreach (var seat in new[] { admin, other })
        {
            await seat.Sees(".note.big", $"Everything is closed: {name}");
            await Assertions.Expect(seat.Page.GetByText("has agreed so far")).ToHaveCountAsync(0);
        }
        Assert.NotEqual(0, (await psql.End()).Status);
        Assert.Equal("locked", (await world.SessionCalled(name, "Terminated")).GetProperty("cause").GetString());
        Assert.Equal("locked", (await Asks()).Is(403).Text("code"));

        // who has closed it may be one of the two, and is not both
        await admin.Press("Open again");
        foreach (var seat in new[] { admin, other })
        {
            await seat.Sees(".note.big", "admin has agreed so far. Time left for another: 1");
        }
        await admin.Shot("live-closed");
        await admin.Press("Open again");
        await admin.Sees(".note.bad", "is the same person: another admin must confirm it");
        Assert.Equal("locked", (await Asks()).Is(403).Text("code"));

        await other.Press("Open again");
        foreach (var seat in new[] { admin, other })
        {
            await Assertions.Expect(seat.Page.Locator(".note.big")).ToHaveCountAsync(0);
        }
        // what was ended stays ended, and who asks again is let in
        var again = await world.Everything(database: "orders");
        Assert.Equal("42", (await Run.ToEnd("psql", [again.Url(name), "-XAtc", "select 42"])).Succeeded().Output.Trim());
    }
}

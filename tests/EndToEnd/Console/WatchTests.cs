using System.Globalization;
using System.Text.RegularExpressions;
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
        await using var psql = Run.Start("psql", [ticket.Url(name), "-XAt"]);

        var row = admin.Page.Locator("tbody tr").Filter(new() { HasText = name });
        await Assertions.Expect(row).ToBeVisibleAsync();
        await row.GetByRole(AriaRole.Button, new() { Name = "only this" }).ClickAsync();
        // nothing is pressed from here on: it comes as it is typed
        await psql.Type("select 'seen as it works';\n");
        await admin.Sees("pre", "seen as it works");
        await psql.Type("select pg_sleep(120);\n");
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
        var (said, masked, held, slept, dropped, assisted) = (
            $"select '{name}'", $"select name, card_number from shop.customers limit 2 -- {name}", $"update shop.products set price = price -- {name}",
            $"select pg_sleep(1) -- {name}", $"drop table shop.orders -- {name}", $"select 'assisted {name}'");
        var ticket = await world.Everything(database: "orders");
        await using var psql = Run.Start("psql", [ticket.Url(name), "-XAt", "-c", said, "-c", masked, "-c", held, "-c", slept, "-c", dropped]);
        var session = (await world.SessionCalled(name)).GetProperty("id").GetString()!;
        await world.Release(session);
        var seen = (await psql.End()).Output.Split('\n').Where(line => line.Contains('|', StringComparison.Ordinal)).Select(line => line.Split('|')).ToList();
        Assert.Equal(2, seen.Count);
        await world.SessionCalled(name, "Closed");
        (await Run.ToEnd(
            "psql", [$"postgresql://orders-read@127.0.0.1:{world.AgentPort}/orders?application_name={name}-ai&sslmode=verify-full&sslrootcert={Uri.EscapeDataString(world.Ca)}", "-XAtc", assisted],
            new Dictionary<string, string> { ["PGPASSWORD"] = await world.Api.Token("assistant") })).Succeeded();
        await world.SessionCalled($"{name}-ai", "Closed");

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

        // by each alone: what fits is found, and of ours nothing else
        var ours = auditor.Page.Locator("td pre").Filter(new() { HasText = name });
        async Task Anew()
        {
            await auditor.Page.GetByRole(AriaRole.Link, new() { Name = "All sessions" }).ClickAsync();
            await auditor.Sees("#all");
        }
        async Task Finds(string field, Func<ILocator, Task> typed, params string[] found)
        {
            await Anew();
            await typed(auditor.Page.GetByLabel(field));
            await auditor.Press("Search");
            await Assertions.Expect(ours).ToHaveTextAsync(found);
        }
        await Finds("Words of the statement", f => f.FillAsync("drop table"), dropped);
        await Finds("Relation", f => f.FillAsync("shop.customers"), masked);
        await Finds("Rule", f => f.FillAsync("bulk-write"), held);
        await Finds("Verdict", f => f.SelectOptionAsync("deny"), dropped);
        await Finds("Who", f => f.FillAsync("assistant"), assisted);
        await Assertions.Expect(auditor.Page.Locator("tr").Filter(new() { HasText = assisted }).Locator(".person")).ToHaveTextAsync((string[])["Erin Engineer", "assistantAI agent"]);
        await Anew();
        await auditor.Page.GetByLabel("Words of the statement").FillAsync("nobodyranthis");
        await auditor.Press("Search");
        await auditor.Sees(".empty", "Fewer words, or a longer time, find more");

        // the page comes again by itself, as when a sign-in is renewed: what is being typed stays
        await Anew();
        await auditor.Page.GetByLabel("Words of the statement").FillAsync("half a word");
        await auditor.Page.EvaluateAsync("() => Blazor.navigateTo(location.href)");
        await auditor.Press("Search");
        await Wait.Until(() => auditor.Page.Url == $"{world.Url}/console/sessions?text=half%20a%20word", 5, () => $"it searched for {auditor.Page.Url}");

        // between what slept and what came a second later: typed as the clock on the wall shows it, asked for as the instant
        var denied = (await world.Api.Get("auditor", $"/v1/audit/operations?session={session}&verdict=deny")).Is(200).Body.GetProperty("items").EnumerateArray().Single();
        var between = DateTimeOffset.FromUnixTimeSeconds(denied.GetProperty("at").GetDateTimeOffset().ToUnixTimeSeconds());
        foreach (var (field, asked, found) in ((string, string, string[])[])[("From", "from", [assisted, dropped]), ("Until", "until", [slept, held, masked, said])])
        {
            await Anew();
            var wanted = $"/console/sessions?{asked}={between.UtcDateTime:O}";
            await auditor.Types(field, between);
            await auditor.Press("Search");
            await Wait.Until(
                () => Uri.UnescapeDataString(auditor.Page.Url).EndsWith(wanted, StringComparison.Ordinal), 5, () => $"the address is {auditor.Page.Url} and not {wanted}");
            await Assertions.Expect(ours).ToHaveTextAsync(found);
        }

        await auditor.Page.GotoAsync($"{world.Url}/console/sessions/{session}");
        await auditor.Sees(".moments pre", "drop table");
        await Assertions.Expect(auditor.Page.Locator(".moments li.bad")).ToHaveCountAsync(1);
        await Assertions.Expect(auditor.Page.Locator(".moments li.mask .tail")).ToContainTextAsync("2 values masked");
        // the rows are those that the client got: what was masked for it is masked here
        var rows = auditor.Page.Locator(".moments li.mask .seen");
        await Assertions.Expect(rows.Locator("th")).ToHaveTextAsync((string[])["name", "card_number"]);
        await Assertions.Expect(rows.Locator("td")).ToHaveTextAsync([.. seen.SelectMany(row => row)]);
        await Assertions.Expect(auditor.Page.Locator(".moments li.wait")).ToContainTextAsync(held);
        await Assertions.Expect(auditor.Page.Locator(".moments li.wait")).ToContainTextAsync("released by Dana Dba");
        // each stands out from the others, in the list and on the line of time
        foreach (var marked in await auditor.Page.EvaluateAsync<string[][]>(Colours))
        {
            Assert.Equal(4, marked.Length);
            Assert.Distinct(marked);
        }
        var clock = auditor.Page.Locator(".moments li.bad .at local-time");
        var at = DateTimeOffset.Parse((await clock.GetAttributeAsync("at"))!, CultureInfo.InvariantCulture);
        await Assertions.Expect(clock).ToHaveTextAsync(TimeZoneInfo.ConvertTime(at, Seat.Zone).ToString("HH:mm:ss", CultureInfo.InvariantCulture));
        Assert.EndsWith($"\n{at.UtcDateTime:yyyy-MM-dd HH:mm:ss} UTC", await clock.GetAttributeAsync("title"), StringComparison.Ordinal);
        await auditor.Press("why?", auditor.Page.Locator(".moments li.bad"));
        await auditor.Sees(".why-box", "The policy of then, asked again, says the same");
        await auditor.Press("Verify");
        await auditor.Sees(".note.good", "It checks out");
        await auditor.Shot("session-replay");

        // played from its beginning, at its own pace and at four times that: what is later is not shown yet, and comes
        var last = auditor.Page.Locator(".moments li").Last;
        await auditor.Page.GetByLabel("skip pauses").UncheckAsync();
        foreach (var speed in (int[])[1, 4])
        {
            await auditor.Page.Locator(".scrub").FillAsync("0");
            await Assertions.Expect(last).ToHaveAttributeAsync("data-later", "");
            await auditor.Page.GetByLabel("Speed").SelectOptionAsync($"{speed}");
            var played = await auditor.Page.EvaluateAsync<double[]>(Plays);
            Assert.InRange(played[0] / speed, 0.35, 2); // a busy browser stutters; who ignored the speed would be at 0.25
            Assert.True(speed > 1 || played[1] > 0, "what is last is shown at once");
        }
        await Assertions.Expect(last).Not.ToHaveAttributeAsync("data-later", "");

        var read = (await world.Api.Get("auditor", $"/v1/audit/events?type=transcript_read&stream={session}")).Is(200).Body.GetProperty("items");
        Assert.Equal("Ada Auditor", Assert.Single(read.EnumerateArray()).GetProperty("data").GetProperty("reader").GetProperty("name").GetString());
    }

    /// <summary>By what a moment is told from others: of one of each kind, the colour of its edge and of its mark.</summary>
    private const string Colours = """
        () => [[".moments > li", "borderLeftColor"], [".track rect", "fill"]].map(([what, which]) =>
          ["bad", "wait", "mask", "plain"].map((kind) => document.querySelector(`${what}.${kind}`)).filter((e) => e).map((e) => getComputedStyle(e)[which]))
        """;

    /// <summary>Begins to play, and says a moment later how much faster than the time the scrubber went, and whether what is last is still to come (1) or not (0).</summary>
    private const string Plays = """
        async () => {
          const [scrub, play, last] = [".scrub", "[data-play]", ".moments > li:last-child"].map((what) => document.querySelector(what));
          const [from, began] = [Number(scrub.value), performance.now()];
          play.click();
          await new Promise((over) => setTimeout(over, 250));
          return [(Number(scrub.value) - from) / (performance.now() - began), last.hasAttribute("data-later") ? 1 : 0];
        }
        """;

    [Fact]
    public async Task What_happens_is_listed_and_counted_without_a_reload()
    {
        await using var auditor = await browser.SignIn(world, "auditor", "sessions");
        await using var other = await browser.SignIn(world, "auditor", "figures");
        await other.Press("hour");
        var counted = other.Page.Locator("figure").Filter(new() { HasText = "opened" });
        await auditor.Sees("#all");
        var before = await Opened();
        var ticket = await world.Everything(database: "orders");
        await using var psql = Run.Start("psql", [ticket.Url(name), "-XAt", "-c", "select pg_sleep(120)"]);
        var row = auditor.Page.Locator("tbody tr").Filter(new() { HasText = name });
        await Assertions.Expect(row).ToContainTextAsync("open");
        await Wait.Until(async () => await Opened() > before, 30, () => "the figures did not count it");

        // from its row: who is in it is shut out, and it ends
        await using var admin = await browser.SignIn(world, "admin", "live");
        var live = admin.Page.Locator("tbody tr").Filter(new() { HasText = name });
        await admin.Press("Lock out…", live);
        await live.GetByLabel("Why").FillAsync(name);
        await admin.Press("Lock out", live);
        var placed = admin.Page.Locator(".lock").Filter(new() { HasText = name });
        await Assertions.Expect(placed).ToBeVisibleAsync();
        await Assertions.Expect(live).ToHaveCountAsync(0);
        Assert.NotEqual(0, (await psql.End()).Status);
        await Assertions.Expect(row).ToContainTextAsync("terminated");
        Assert.Equal("locked", (await world.Api.Post("engineer", "/v1/requests", new { entitlement = "orders-read" })).Is(403).Text("code"));
        await admin.Press("Lift", placed);
        await Assertions.Expect(placed).ToHaveCountAsync(0);

        async Task<long> Opened() => long.Parse(
            Regex.Match((await counted.TextContentAsync())!, @"([\d,]+)\s+opened").Groups[1].Value, NumberStyles.AllowThousands, CultureInfo.InvariantCulture);
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

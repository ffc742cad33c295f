using System.Text.RegularExpressions;
using AccessPlane.Tests.EndToEnd.World;
using Microsoft.Playwright;

namespace AccessPlane.Tests.EndToEnd.Console;

/// <summary>Asking, deciding, connecting: what most people do with the console, in two browsers.</summary>
public sealed class AccessTests(TestWorld world, Browser browser) : IAsyncLifetime
{
    /// <summary>Seen as it was written, wherever it is shown: no page takes it for its own markup.</summary>
    private readonly string why = $"<b onclick=alert(1)>fix</b> an order &amp; {Guid.CreateVersion7():N}";

    public async ValueTask InitializeAsync() => await world.Rules(inForce: true);

    public async ValueTask DisposeAsync() => await world.Rules(inForce: false);

    [Fact]
    public async Task What_one_asks_arrives_at_the_other_without_reload_and_the_answer_comes_back()
    {
        await using var engineer = await browser.SignIn(world, "engineer");
        await using var dba = await browser.SignIn(world, "dba", "to-decide");

        await engineer.Press("Ask for access");
        await engineer.Page.Locator(".offer").Filter(new() { HasText = "orders-write" }).ClickAsync();
        await Assertions.Expect(engineer.Page.Locator("dl.terms dd")).ToHaveTextAsync(
            (string[])["any statement in orders", "2 h, 8 h with extensions", "1 of dba, then 1 of security (from 30 min on)", "within 30 min of the approval"]);
        await Assertions.Expect(engineer.Page.GetByLabel("Reason")).ToHaveAttributeAsync("required", "");
        // and what comes of what is run with it: who is in security sees the cards, this one does not
        await Assertions.Expect(engineer.Page.Locator("ul.rules li")).ToHaveTextAsync((string[])[
            "deny drop, truncate, alter, grant refused; schema changes go through migrations",
            "hold update, delete without a condition held up to 5 min (1 min inside a transaction) for 1 of dba; rolled back beyond 1,000 changed rows",
            "mask shop.customers.card_number, *.iban no more shown than the last 4, and not compared, sorted or computed with",
            "limit any session 100,000 rows a statement; 64 MiB a statement; a statement ends after 2 min"]);
        await engineer.Page.GetByLabel("For how long").SelectOptionAsync("20");
        await engineer.Sees(".actions", "needs 1 of dba;");
        await engineer.Page.GetByLabel("Reason").FillAsync(why);
        // what happens elsewhere has the page read again: what was chosen and typed stays
        await engineer.Sees("article.grant", "everything");
        var before = await engineer.Card("orders-read").CountAsync();
        var meanwhile = await world.Grant("engineer", "orders-read");
        await Assertions.Expect(engineer.Card("orders-read")).ToHaveCountAsync(before + 1);
        (await world.Api.Post("engineer", $"/v1/grants/{meanwhile}/surrender")).Is(200);
        await Assertions.Expect(engineer.Card("orders-read")).ToHaveCountAsync(before);
        await Assertions.Expect(engineer.Page.GetByLabel("Reason")).ToHaveValueAsync(why);
        await Assertions.Expect(engineer.Page.Locator(".offer.chosen")).ToContainTextAsync("orders-write");
        await engineer.Shot("mine-asking");
        await engineer.Page.GetByRole(AriaRole.Button, new() { Name = "Ask", Exact = true }).ClickAsync();
        await engineer.Sees("article", "waits for approval");

        await dba.Sees("article.decide", why);
        await dba.Sees("article.decide", "Erin Engineer");
        await dba.Shot("to-decide-request");
        var asked = dba.Card(why);
        await Assertions.Expect(asked.Locator("header p")).ToHaveTextAsync("asks for orders-write on orders for 20 min");
        await Assertions.Expect(asked.Locator(".steps li").First).ToContainTextAsync("dba");
        await Assertions.Expect(asked.Locator(".left")).ToHaveTextAsync(new Regex(@"lapses in\s+(1 h|5\d min)"));
        await asked.GetByLabel("Comment").FillAsync("go ahead, but mind the locks");
        await dba.Press("Approve", asked);
        await Assertions.Expect(asked).ToContainTextAsync("You have decided. It is approved");

        // nobody reloads the engineer's page
        var grant = engineer.Card("orders-write").Filter(new() { Has = engineer.Page.GetByRole(AriaRole.Button, new() { Name = "Get a ticket" }) }).First;
        await Assertions.Expect(grant).ToBeVisibleAsync();
        await engineer.Sees("td", "go ahead, but mind the locks");
        var left = grant.Locator(".left");
        await Assertions.Expect(left).ToHaveTextAsync(new Regex(@"use it within\s+(30|2\d) min"));
        await engineer.Press("Get a ticket", grant);
        await engineer.Sees(".copy .label", "JDBC");
        await engineer.Shot("mine-ticket");
        await engineer.Press("Copy for psql", grant);
        var command = await engineer.Page.EvaluateAsync<string>("() => navigator.clipboard.readText()");
        var url = Regex.Match(command, "^psql '([^']+)'$").Groups[1].Value;
        var ran = await Run.ToEnd("psql", [url, "-XAtc", "select 'by the console'"]);
        Assert.Equal("by the console", ran.Succeeded().Output.Trim());
        await Assertions.Expect(left).ToHaveTextAsync(new Regex(@"\b(20|19|18) min\s+left"));
        Assert.InRange(await left.Locator("time-bar progress").EvaluateAsync<double>("bar => bar.value"), 0.85, 1.0);

        // more time takes the same path: too much of it is refused, with a word for who asked, and less moves the end
        async Task AsksForMore(string howMuch, string reason)
        {
            await engineer.Press("Extend…", grant);
            await grant.GetByLabel("How much longer").SelectOptionAsync(howMuch);
            await grant.GetByLabel("Reason").FillAsync(reason);
            await engineer.Press("Ask for more time", grant);
            await Assertions.Expect(grant.Locator(".note.good")).ToContainTextAsync("Asked. Open sessions go on; the end moves when it is approved.");
        }
        var (hour, minutes) = ($"an hour more {Guid.CreateVersion7():N}", $"minutes more {Guid.CreateVersion7():N}");
        await AsksForMore("60", hour);
        var tooMuch = dba.Card(hour);
        await Assertions.Expect(tooMuch).ToContainTextAsync("for 1 h more");
        await tooMuch.GetByLabel("Comment").FillAsync("an hour is too long");
        await dba.Press("Deny", tooMuch);
        await Assertions.Expect(tooMuch).ToContainTextAsync("You have decided. It is denied");
        await engineer.Sees("td", "by Dana Dba: an hour is too long");
        await AsksForMore("5", minutes);
        await dba.Press("Approve", dba.Card(minutes));
        await Assertions.Expect(left).ToHaveTextAsync(new Regex(@"\b2[345] min\s+left"));

        await engineer.Press("Surrender…", grant);
        await engineer.Press("Give it back", grant);
        await engineer.Page.GetByText("Ended grants").ClickAsync();
        await engineer.Sees("details.section td", "by Erin Engineer");
        var audited = await world.Api.Get("auditor", "/v1/audit/events?type=grant_surrendered&actor=Erin%20Engineer&limit=1000");
        Assert.NotEmpty(audited.Is(200).Body.GetProperty("items").EnumerateArray());
    }

    [Fact]
    public async Task More_time_of_a_right_that_approves_itself_is_there_at_once()
    {
        var grant = await world.Grant("engineer2", "orders-read");
        await world.TicketFor("engineer2", grant); // its time begins
        await using var engineer = await browser.SignIn(world, "engineer2");
        var newest = engineer.Card("orders-read").First;
        await Assertions.Expect(newest.Locator(".left")).ToHaveTextAsync(new Regex(@"^\s*(1 h|5\d min)\s+left"));
        await engineer.Press("Extend…", newest);
        await newest.GetByLabel("How much longer").SelectOptionAsync("60");
        await engineer.Press("Ask for more time", newest);
        await Assertions.Expect(newest.Locator(".note.good")).ToHaveTextAsync("Extended by 1 h.");
        await Assertions.Expect(newest.Locator(".left")).ToHaveTextAsync(new Regex(@"^\s*(2 h|1 h 5\d min)\s+left"));
        (await world.Api.Post("engineer2", $"/v1/grants/{grant}/surrender")).Is(200);
    }

    [Fact]
    public async Task A_lost_race_is_shown_as_what_won()
    {
        var policy = (await world.Api.Get("admin", "/v1/policies/current")).Is(200).Text("text");
        await world.Api.PublishPolicy(policy.Replace("who: { groups: [engineering] }", "who: { groups: [engineering, ai-assistants] }", StringComparison.Ordinal));
        await using var dba = await browser.SignIn(world, "dba", "to-decide");
        var id = (await world.Api.Post("assistant", "/v1/requests", new { entitlement = "orders-write", duration = "PT10M", reason = why })).Is(201).Text("id");
        var asked = dba.Card(why);
        // who asks through an agent is shown with it
        await Assertions.Expect(asked.Locator("h3 .person")).ToHaveTextAsync((string[])["Erin Engineer", "assistantAI agent"]);
        await Assertions.Expect(asked.Locator("h3 .via")).ToHaveTextAsync("via");
        (await world.Api.Post("dba2", $"/v1/requests/{id}/reviews", new { verdict = "deny", comment = "not today" })).Is(200);

        // it neither vanishes nor can be decided any more, and says who was first
        await Assertions.Expect(asked).ToContainTextAsync("Somebody was before you");
        await Assertions.Expect(asked).ToContainTextAsync("Dario Dba");
        await Assertions.Expect(asked).ToContainTextAsync("not today");
        await Assertions.Expect(asked.GetByRole(AriaRole.Button)).ToHaveCountAsync(0);
        await dba.Shot("to-decide-lost");
    }

    [Fact]
    public async Task A_statement_that_waits_is_shown_with_all_that_it_is_and_runs_when_it_is_released()
    {
        await TestWorld.Ask<string>(
            "DROP TABLE IF EXISTS shop.shelf; CREATE TABLE shop.shelf AS SELECT n AS id FROM generate_series(1, 25) n; GRANT SELECT, DELETE ON shop.shelf TO accessplane_agent; ANALYZE shop.shelf; SELECT 'made'");
        await using var dba = await browser.SignIn(world, "dba", "to-decide");
        var ticket = await world.Everything(database: "orders");
        await using var psql = Run.Start("psql", [ticket.Url("console-hold"), "-XAtc", "DELETE FROM shop.shelf -- only \u202estale\u202c ones"]);

        var held = dba.Card("shop.shelf");
        await Assertions.Expect(held).ToBeVisibleAsync();
        foreach (var told in (string[])["⟨U+202E⟩", "delete", "25 rows", "every row: no condition", "bulk-write", "Erin Engineer"])
        {
            await Assertions.Expect(held).ToContainTextAsync(told);
        }
        Assert.Equal("⟨U+202E⟩", await held.Locator("pre .mark").First.TextContentAsync());
        await Assertions.Expect(held.Locator(".fact:not(.risk)")).ToHaveTextAsync((string[])["does delete", "writes shop.shelf", "expected 25 rows", "every row: no condition"]);
        await Assertions.Expect(held.Locator(".fact.risk > b")).ToHaveTextAsync("70");
        await Assertions.Expect(held.Locator(".fact.risk meter")).ToHaveAttributeAsync("value", "70");
        await Assertions.Expect(held.Locator(".left")).ToHaveTextAsync(new Regex(@"^\s*[45] min( \d+ s)?\s+left"));
        await Assertions.Expect(held.Locator("ul.why li")).ToHaveTextAsync(new Regex(@"^\s*hold\s+bulk-write\s+\S.+"));
        await dba.Shot("to-decide-hold");
        await held.GetByLabel("Comment").FillAsync("twenty-five, fine");
        await dba.Press("Let it run", held);
        await Assertions.Expect(held).ToContainTextAsync("It is released by Dana Dba");
        await Assertions.Expect(held.Locator(".review q")).ToHaveTextAsync("twenty-five, fine");
        (await psql.End()).Succeeded();
        Assert.Equal(0, await TestWorld.Ask<long>("SELECT count(*) FROM shop.shelf"));
        await TestWorld.Ask<string>("DROP TABLE shop.shelf; SELECT 'gone'");
    }

    [Fact]
    public async Task A_statement_of_an_assistant_is_shown_with_whom_it_acts_for_and_fails_when_it_is_denied()
    {
        var policy = (await world.Api.Get("admin", "/v1/policies/current")).Is(200).Text("text");
        await world.Api.PublishPolicy(policy.Replace("who: { groups: [engineering] }", "who: { groups: [engineering, ai-assistants] }", StringComparison.Ordinal));
        await TestWorld.Ask<string>(
            "DROP TABLE IF EXISTS shop.assisted; CREATE TABLE shop.assisted AS SELECT 1 AS id; GRANT SELECT, DELETE ON shop.assisted TO accessplane_agent; SELECT 'made'");
        await using var dba = await browser.SignIn(world, "dba", "to-decide");
        var ticket = await world.TicketFor("assistant", await world.Grant("assistant", "everything"));
        await using var psql = Run.Start("psql", [ticket.Url("console-assisted"), "-XAtc", $"DELETE FROM shop.assisted -- <img src=x onerror=alert(1)> {why}"]);

        var held = dba.Card("shop.assisted");
        await Assertions.Expect(held.Locator("h3 .person")).ToHaveTextAsync((string[])["Erin Engineer", "assistantAI agent"]);
        await Assertions.Expect(held.Locator("pre").First).ToContainTextAsync("<img src=x onerror=alert(1)>"); // as it was written, and nothing of it is the page's
        await held.GetByLabel("Comment").FillAsync("ask Erin first");
        await dba.Press("Deny", held);
        await Assertions.Expect(held).ToContainTextAsync("You have decided.");
        await Assertions.Expect(held).ToContainTextAsync("ask Erin first");
        var ran = await psql.End();
        Assert.NotEqual(0, ran.Status);
        Assert.Contains("ask Erin first", ran.Output, StringComparison.Ordinal);
        Assert.Equal(1, await TestWorld.Ask<long>("SELECT count(*) FROM shop.assisted"));
        await TestWorld.Ask<string>("DROP TABLE shop.assisted; SELECT 'gone'");
    }

    [Fact]
    public async Task What_is_done_behind_broken_glass_is_looked_at_afterwards()
    {
        var what = $"in the night {Guid.CreateVersion7():N}"[..34];
        await using var onCall = await browser.SignIn(world, "on-call");
        await using var security = await browser.SignIn(world, "security");
        var waiting = security.Page.Locator("nav .count");
        await Assertions.Expect(waiting).ToHaveCountAsync(0);

        await onCall.Press("Ask for access");
        await onCall.Page.Locator(".offer").Filter(new() { HasText = "orders-break-glass" }).ClickAsync();
        await Assertions.Expect(onCall.Page.Locator("dl.terms")).ToContainTextAsync("at once, for 1 h; reviewed within 1 day afterwards");
        await onCall.Page.GetByLabel("Reason").FillAsync(why);
        await onCall.Press("Break the glass");
        var grant = onCall.Card("orders-break-glass");
        await Assertions.Expect(grant).ToContainTextAsync("Somebody looks at what was done with it by");

        // who reviews sees without a reload that something waits: by whom and why, and what was done, each statement of it
        await Assertions.Expect(waiting).ToHaveTextAsync("1");
        var id = (await world.Api.Get("on-call", "/v1/grants?mine=true&state=Approved")).Is(200).Body.GetProperty("items").EnumerateArray().First().GetProperty("id").GetString()!;
        (await Run.ToEnd("psql", [(await world.TicketFor("on-call", id)).Url("glass"), "-XAtc", $"select '{what}'"])).Succeeded();
        await world.SessionCalled("glass", "Closed");
        await security.Go("To decide");
        var card = security.Card(why);
        await Assertions.Expect(card.Locator("h3 .person")).ToHaveTextAsync("Olga On-Call");
        await Assertions.Expect(card).ToContainTextAsync("broke the glass of orders-break-glass on orders");
        await Assertions.Expect(card.Locator(".left")).ToHaveTextAsync(new Regex(@"to be reviewed within\s+(1 day|23 h)"));
        await Assertions.Expect(card.Locator(".sessions")).ToContainTextAsync("glass in orders");
        await Assertions.Expect(card.Locator(".sessions")).ToContainTextAsync("1 statement");
        await security.Shot("to-decide-glass");
        await card.GetByRole(AriaRole.Link, new() { Name = "glass in orders" }).ClickAsync();
        await security.Sees(".moments pre", what);
        await Assertions.Expect(security.Page.GetByRole(AriaRole.Button, new() { Name = "why?" })).ToHaveCountAsync(0); // that is the holder's to ask, and auditors'
        await security.Page.GoBackAsync();

        // what is not in order ends, for who broke the glass too; in order is what is over
        await Assertions.Expect(card.GetByRole(AriaRole.Button, new() { Name = "In order", Exact = true })).ToBeDisabledAsync();
        await Assertions.Expect(card).ToContainTextAsync("It is still open, and can be found in order when it is over.");
        await card.GetByLabel("Comment").FillAsync("the next time call me first");
        await security.Press("Not in order", card);
        await Assertions.Expect(card).ToContainTextAsync("Sam Security found it not in order: the next time call me first");
        await Assertions.Expect(card.GetByRole(AriaRole.Button)).ToHaveCountAsync(0);
        await Assertions.Expect(waiting).ToHaveCountAsync(0);
        await Assertions.Expect(grant).ToHaveCountAsync(0);
        await onCall.Page.GetByText("Ended grants").ClickAsync();
        await onCall.Sees("details.section td", "Sam Security found it not in order: the next time call me first");
    }

    [Fact]
    public async Task Who_has_signed_out_is_out_and_is_asked_who_they_are_the_next_time()
    {
        await using var somebody = await browser.SignIn(world, "on-call");
        await somebody.Sees(".who", "Olga On-Call");
        await somebody.Sees(".empty", "Ask for access to a database, use it with the client that you have");
        Assert.DoesNotContain("orders-write", await somebody.Page.Locator("main").TextContentAsync() ?? "", StringComparison.Ordinal); // others have asked for that
        await somebody.Shot("mine-empty");
        // while the page is open its sign-in is renewed at the provider
        var before = await somebody.Page.Context.CookiesAsync();
        Assert.NotNull(await somebody.Page.EvaluateAsync<string?>("() => accessplane.renew()"));
        Assert.NotEqual(before.Single(c => c.Name == "accessplane").Value, (await somebody.Page.Context.CookiesAsync()).Single(c => c.Name == "accessplane").Value);
        await somebody.Press("Sign out");
        await somebody.Sees("h1", "You are signed out");
        await somebody.Shot("signed-out");
        Assert.Equal(302, (await somebody.Page.APIRequest.GetAsync($"{world.Url}/console/mine", new() { MaxRedirects = 0 })).Status);
        await somebody.Page.GetByRole(AriaRole.Link, new() { Name = "Sign in" }).ClickAsync();
        await somebody.Sees("button[value='auditor']");

        // what comes back is not what was begun here: nobody is in, and told how to go on
        await somebody.Page.GotoAsync($"{world.Url}/console/signed-in?error=access_denied&state=made-up");
        await somebody.Sees("h1", "That sign-in did not work");
        await somebody.Shot("sign-in-failed");
        somebody.Forgives("403");
        await somebody.Page.GetByRole(AriaRole.Link, new() { Name = "Try again" }).ClickAsync();
        await somebody.Page.Locator("button[value='auditor']").ClickAsync();
        await somebody.Sees(".who", "Ada Auditor");
        await somebody.Sees(".empty", "The policy offers you nothing to ask for. An admin can change that.");
        await somebody.Go("To decide");
        await somebody.Sees(".empty", "appear here as they come: this page can stay open");
    }
}

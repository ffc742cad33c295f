using AccessPlane.Tests.EndToEnd.World;

namespace AccessPlane.Tests.EndToEnd.Console;

/// <summary>Two have the same before them and press at once: one decides, and the other is told what that was, and not that something is wrong.</summary>
public sealed class RaceTests(TestWorld world, Browser browser) : IAsyncLifetime
{
    private const string Dana = "Dana Dba";
    private const string Dario = "Dario Dba";
    private readonly string what = $"at once {Guid.CreateVersion7():N}";
    private Seat dana = null!;
    private Seat dario = null!;

    public async ValueTask InitializeAsync()
    {
        await world.Rules(inForce: true);
        dana = await browser.SignIn(world, "dba", "to-decide");
        dario = await browser.SignIn(world, "dba2", "to-decide");
    }

    public async ValueTask DisposeAsync()
    {
        await world.Rules(inForce: false);
        await dana.DisposeAsync();
        await dario.DisposeAsync();
    }

    [Fact]
    public async Task A_request_that_two_deny_at_once_is_denied_by_one_and_the_other_sees_who_that_was()
    {
        (await world.Api.Post("engineer2", "/v1/requests", new { entitlement = "orders-write", duration = "PT10M", reason = what })).Is(201);
        await Press("button.deny", "button.deny");
    }

    [Fact]
    public async Task A_statement_that_one_lets_run_and_another_refuses_at_once_does_what_the_first_of_them_said()
    {
        await TestWorld.Ask<string>(
            "DROP TABLE IF EXISTS shop.raced; CREATE TABLE shop.raced AS SELECT 1 AS id; GRANT SELECT, DELETE ON shop.raced TO accessplane_agent; SELECT 'made'");
        var ticket = await world.Everything(database: "orders");
        await using var psql = Run.Start("psql", [ticket.Url("console-race"), "-XAtc", $"DELETE FROM shop.raced -- {what}"]);
        var ran = await Press("button.primary", "button.deny") == Dana;
        Assert.Equal((ran ? 0 : 1, ran ? 0L : 1L), ((await psql.End()).Status, await TestWorld.Ask<long>("SELECT count(*) FROM shop.raced")));
        await TestWorld.Ask<string>("DROP TABLE shop.raced; SELECT 'gone'");
    }

    /// <summary>Both have commented, and press. Gives who has won.</summary>
    private async Task<string> Press(string danas, string darios)
    {
        foreach (var (name, seat) in ((string, Seat)[])[(Dana, dana), (Dario, dario)])
        {
            await seat.Card(what).GetByLabel("Comment").FillAsync($"so says {name}");
            await seat.Page.EvaluateAsync(KeepsTroubles);
        }
        await Task.WhenAll(dana.Page.EvaluateAsync(Presses, (string[])[what, danas]), dario.Page.EvaluateAsync(Presses, (string[])[what, darios]));
        string[] told = [];
        await Wait.Until(
            async () => (told = await Task.WhenAll(dana.Card(what).InnerTextAsync(), dario.Card(what).InnerTextAsync()))
                .Count(HasWon) == 1 && told.Count(text => text.Contains("Somebody was before you", StringComparison.Ordinal)) == 1,
            20, () => string.Join(" | ", told));
        var (won, lost) = HasWon(told[0]) ? (Dana, Dario) : (Dario, Dana);
        Assert.All(told, text => Assert.Contains($"so says {won}", text, StringComparison.Ordinal));
        Assert.All(told, text => Assert.DoesNotContain($"so says {lost}", text, StringComparison.Ordinal));
        foreach (var seat in (Seat[])[dana, dario])
        {
            Assert.Empty(await seat.Page.EvaluateAsync<string[]>("() => window.troubles"));
        }
        return won;

        static bool HasWon(string text) => text.Contains("You have decided.", StringComparison.Ordinal);
    }

    /// <summary>What a page says to be wrong, however soon it is gone again.</summary>
    private const string KeepsTroubles = """
        () => {
          window.troubles = [];
          const keep = () => window.troubles.push(...[...document.querySelectorAll("article.decide .note.bad")].map((note) => note.textContent));
          new MutationObserver(keep).observe(document.querySelector("main"), { childList: true, subtree: true });
        }
        """;

    /// <summary>Presses the button where it is there still: waiting for it would be waiting for the other one's answer.</summary>
    private const string Presses =
        "([what, button]) => [...document.querySelectorAll('article.decide')].find((card) => card.textContent.includes(what))?.querySelector(button)?.click()";
}

using System.Globalization;
using System.Text.RegularExpressions;
using AccessPlane.Tests.EndToEnd.World;
using Microsoft.Playwright;
using Npgsql;

namespace AccessPlane.Tests.EndToEnd.Console;

/// <summary>A session's page: going through it in time, and not believing it.</summary>
public sealed class ReplayTests(TestWorld world, Browser browser)
{
    private readonly string name = $"replayed-{Guid.CreateVersion7():N}"[..28];

    [Fact]
    public async Task A_replay_goes_where_it_is_told_pauses_and_passes_over_what_is_empty()
    {
        var ticket = await world.Everything(database: "orders");
        (await Run.ToEnd("psql", [ticket.Url(name), "-XAt", "-c", "select 'one'", "-c", "select pg_sleep(5)", "-c", "select 'three'"])).Succeeded();
        var session = (await world.SessionCalled(name, "Closed")).GetProperty("id").GetString();
        await using var auditor = await browser.SignIn(world, "auditor", "sessions");
        await auditor.Page.GetByLabel("Words of the statement").FillAsync("pg_sleep");
        await auditor.Press("Search");
        // a statement that was found leads to its moment
        await auditor.Page.Locator($"a[href='/console/sessions/{session}?op=2']").ClickAsync();
        var (second, third) = (auditor.Page.Locator("#op-2"), auditor.Page.Locator("#op-3"));
        await Assertions.Expect(second).ToHaveAttributeAsync("data-now", "");
        await Assertions.Expect(second).ToBeInViewportAsync();
        await Assertions.Expect(third).ToHaveAttributeAsync("data-later", "");

        var (scrub, play) = (auditor.Page.Locator(".scrub"), auditor.Page.Locator("[data-play]"));
        var length = double.Parse((await scrub.GetAttributeAsync("max"))!, CultureInfo.InvariantCulture);
        Assert.InRange(length, 5_000, 60_000);
        // to its middle, where the second sleeps and the third is to come
        await scrub.FillAsync($"{Math.Floor(length / 2):0}");
        await Assertions.Expect(second).ToHaveAttributeAsync("data-now", "");
        await Assertions.Expect(third).ToHaveAttributeAsync("data-later", "");
        await Assertions.Expect(auditor.Page.Locator("[data-clock]")).ToHaveTextAsync(new Regex(@"^\d+(\.\d+)? m?s of \d+(\.\d+)? m?s$"));
        await auditor.Page.Locator(".track").ClickAsync(new() { Position = new() { X = 1, Y = 10 } });
        Assert.InRange(await Value(), 0, length / 20);

        // it stays where it was stopped
        await auditor.Page.GetByLabel("skip pauses").UncheckAsync();
        await play.ClickAsync();
        await Assertions.Expect(play).ToHaveTextAsync("Pause");
        await play.ClickAsync();
        await Assertions.Expect(play).ToHaveTextAsync("Play");
        var stopped = await Value();
        await auditor.Page.EvaluateAsync("() => new Promise((drawn) => { let frames = 0; const next = () => ++frames > 5 ? drawn() : requestAnimationFrame(next); next(); })");
        Assert.Equal(stopped, await Value());

        // from the beginning to the end: as fast as is asked for, and at its own pace without the five seconds in which nothing came
        foreach (var (speed, skips) in ((string, bool)[])[("20", false), ("200", false), ("1", true)])
        {
            await auditor.Page.GetByLabel("Speed").SelectOptionAsync(speed);
            await auditor.Page.GetByLabel("skip pauses").SetCheckedAsync(skips);
            await scrub.FillAsync("0");
            var took = await auditor.Page.EvaluateAsync<double>(PlaysToItsEnd);
            Assert.True(took < length / 2, $"at {speed} times, {(skips ? "without" : "with")} pauses, it took {took} ms for {length}");
            await Assertions.Expect(third).Not.ToHaveAttributeAsync("data-later", "");
        }

        Task<double> Value() => scrub.EvaluateAsync<double>("scrub => Number(scrub.value)");
    }

    private const string PlaysToItsEnd = """
        async () => {
          const [scrub, play] = [".scrub", "[data-play]"].map((what) => document.querySelector(what));
          const began = performance.now();
          play.click();
          while (Number(scrub.value) < Number(scrub.max)) await new Promise(requestAnimationFrame);
          return performance.now() - began;
        }
        """;

    [Fact]
    public async Task A_transcript_that_was_changed_does_not_check_out()
    {
        var ticket = await world.Everything(database: "orders");
        (await Run.ToEnd("psql", [ticket.Url(name), "-XAt", "-c", $"select 'as it was, {name}'"])).Succeeded();
        var session = (await world.SessionCalled(name, "Closed")).GetProperty("id").GetString()!;
        await using var auditor = await browser.SignIn(world, "auditor", $"sessions/{session}");
        await auditor.Press("Verify");
        await auditor.Sees(".note.good", "It checks out");

        // what a checkpoint has covered is not looked at by the next one, which would seal it for good as it is in between
        (await world.Api.Get("auditor", $"/v1/audit/evidence?session={session}")).Is(200);

        // by somebody with the log's own database
        var log = new NpgsqlConnectionStringBuilder(TestWorld.Log) { Database = "accessplane", Pooling = false }.ConnectionString;
        Task<long> Change(string from, string to) => TestWorld.Ask<long>(
            // what keeps it from being changed keeps no superuser from it
            "SET session_replication_role = replica; " +
            $"WITH changed AS (UPDATE accessplane.mt_events SET data = replace(data::text, '{from}, {name}', '{to}, {name}')::jsonb " +
            $"WHERE stream_id = '{session}' AND type = 'transcript_recorded' AND data::text LIKE '%{from}, {name}%' RETURNING 1) SELECT count(*) FROM changed", log);
        Assert.Equal(1, await Change("as it was", "as it were"));
        try
        {
            await auditor.Press("Read on");
            await auditor.Sees(".moments pre", "as it were");
            await auditor.Press("Verify");
            await auditor.Sees(".note.bad", "It does not check out:");
            await auditor.Shot("session-changed");
        }
        finally
        {
            Assert.Equal(1, await Change("as it were", "as it was"));
        }
        await auditor.Press("Read on");
        await auditor.Sees(".moments pre", "as it was");
        await auditor.Press("Verify");
        await auditor.Sees(".note.good", "It checks out");
    }
}

using System.Security.Cryptography;
using System.Text.Json;
using AccessPlane.Contracts;
using AccessPlane.Tests.EndToEnd.World;
using Microsoft.Playwright;
using Npgsql;

namespace AccessPlane.Tests.EndToEnd.Console;

/// <summary>Two have a statement before them that waits. One has it run; the other, whose page does not know that yet, wants it refused.</summary>
public sealed class HoldRaceTests(TestWorld world, Browser browser) : IAsyncLifetime
{
    private const string Statement = "DELETE FROM shop.contested";

    public async ValueTask InitializeAsync()
    {
        await TestWorld.Ask<string>(
            "DROP TABLE IF EXISTS shop.contested; CREATE TABLE shop.contested AS SELECT n AS id FROM generate_series(1, 25) n; " +
            "GRANT SELECT, DELETE ON shop.contested TO accessplane_agent; ANALYZE shop.contested; SELECT 'made'");
        await world.Rules(inForce: true);
    }

    public async ValueTask DisposeAsync()
    {
        await world.Rules(inForce: false);
        await TestWorld.Ask<string>("DROP TABLE shop.contested; SELECT 'gone'");
    }

    [Fact]
    public async Task A_lost_race_for_a_statement_is_shown_as_what_won()
    {
        var updates = new Updates();
        await using var dana = await browser.SignIn(world, "dba", "to-decide");
        await using var dario = await browser.SignIn(world, "dba2", "to-decide", updates.Of);
        var ticket = await world.Everything(database: "orders");
        await using var psql = Run.Start("psql", [ticket.Url("contested"), "-XAtc", Statement]);
        var (hers, his) = (dana.Card(Statement), dario.Card(Statement));
        await Assertions.Expect(hers).ToBeVisibleAsync();
        var comment = $"no, says Dario {Guid.CreateVersion7():N}";
        await his.GetByLabel("Comment").FillAsync(comment);
        await dario.KeepTroubles();
        var hold = (await world.Api.Get("dba2", "/v1/holds?awaiting=me")).Is(200).Body.GetProperty("items").EnumerateArray().Single(h => h.GetProperty("text").GetString() == Statement);

        updates.Withhold();
        await dana.Press("Let it run", hers);
        await Assertions.Expect(hers).ToContainTextAsync("You have decided. It is released by Dana Dba");
        (await psql.End()).Succeeded();
        // his page shows what it showed, and he presses what it offers
        await dario.Press("Deny", his);
        var lost = SHA256.HashData(JsonSerializer.SerializeToUtf8Bytes(new { verdict = "deny", comment, expectedVersion = hold.GetProperty("terms").GetInt32() }, Json.Options));
        await Wait.Until(async () => await CameAfterTheRelease(lost, hold.GetProperty("id").GetGuid()), 30, () => "his review did not come behind hers");
        await Assertions.Expect(his.GetByRole(AriaRole.Button, new() { Name = "Deny" })).ToBeVisibleAsync();

        updates.GoOn();
        await Assertions.Expect(his).ToContainTextAsync("Somebody was before you");
        await Assertions.Expect(his).ToContainTextAsync("It is released by Dana Dba");
        await Assertions.Expect(his).Not.ToContainTextAsync(comment);
        await Assertions.Expect(his.GetByRole(AriaRole.Button)).ToHaveCountAsync(0);
        Assert.Empty(await dario.Troubles());
        Assert.Equal(0, await TestWorld.Ask<long>("SELECT count(*) FROM shop.contested"));
    }

    /// <summary>A review that lost leaves no event: what is kept is which body came under its key, and when.</summary>
    private static Task<bool> CameAfterTheRelease(byte[] body, Guid hold) => TestWorld.Ask<bool>(
        $"SELECT EXISTS (SELECT FROM accessplane.once o JOIN accessplane.mt_events e ON e.stream_id = '{hold}' AND e.type = 'hold_released' AND e.timestamp < o.at " +
        $"WHERE o.content = '\\x{Convert.ToHexStringLower(body)}')",
        new NpgsqlConnectionStringBuilder(TestWorld.Log) { Database = "accessplane" }.ConnectionString);

    /// <summary>What the control plane tells one page, on its way there.</summary>
    private sealed class Updates
    {
        private readonly Lock turn = new();
        private readonly Queue<Action> waiting = [];
        private bool withheld;

        public Task Of(IPage page) => page.RouteWebSocketAsync(url => url.Contains("/_blazor", StringComparison.Ordinal), socket =>
        {
            var server = socket.ConnectToServer();
            server.OnMessage(message => Pass(() =>
            {
                if (message.Binary is { Length: > 0 } bytes)
                {
                    socket.Send(bytes);
                }
                else
                {
                    socket.Send(message.Text ?? "");
                }
            }));
        });

        public void Withhold()
        {
            lock (turn)
            {
                withheld = true;
            }
        }

        public void GoOn()
        {
            lock (turn)
            {
                withheld = false;
                while (waiting.TryDequeue(out var message))
                {
                    message();
                }
            }
        }

        private void Pass(Action message)
        {
            lock (turn)
            {
                if (withheld)
                {
                    waiting.Enqueue(message);
                }
                else
                {
                    message();
                }
            }
        }
    }
}

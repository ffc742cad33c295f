using AccessPlane.Tests.EndToEnd.World;

namespace AccessPlane.Tests.EndToEnd.Cli;

/// <summary>A statement waits in flight, and somebody decides about it at a command line.</summary>
public sealed class HoldTests(TestWorld world) : IAsyncLifetime
{
    private readonly string home = Directory.CreateTempSubdirectory("accessplane-cli").FullName;

    public async ValueTask InitializeAsync()
    {
        await TestWorld.Ask<string>(
            "DROP TABLE IF EXISTS shop.parked; CREATE TABLE shop.parked AS SELECT n AS id FROM generate_series(1, 40) n; " +
            "GRANT SELECT, INSERT, UPDATE, DELETE ON shop.parked TO accessplane_agent; ANALYZE shop.parked; SELECT 'made'");
        await world.Rules(inForce: true);
    }

    public async ValueTask DisposeAsync()
    {
        await world.Rules(inForce: false);
        await TestWorld.Ask<string>("DROP TABLE shop.parked; SELECT 'gone'");
        Directory.Delete(home, recursive: true);
    }

    private async Task<string> Waiting(string statement)
    {
        var hold = "";
        await Wait.Until(
            async () =>
            {
                var waiting = (await CommandLine.As(world, "dba", "holds", "--awaiting-me", "--json")).With(0).Json.GetProperty("items").EnumerateArray();
                hold = waiting.Where(h => h.GetProperty("text").GetString() == statement).Select(h => h.GetProperty("id").GetString()!).FirstOrDefault() ?? "";
                return hold.Length > 0;
            }, 60, () => "no statement waits");
        return hold;
    }

    [Fact]
    public async Task Whoever_may_releases_it_and_it_runs_or_refuses_it_and_it_fails()
    {
        await using (var psql = CommandLine.Start(world, home, await world.Api.Token("engineer"), "connect", "orders", "-e", "everything", "--database", "orders", "--", "-Xc", "DELETE FROM shop.parked"))
        {
            var hold = await Waiting("DELETE FROM shop.parked");
            var shown = (await CommandLine.As(world, "dba", "holds", "show", hold[^8..])).With(0).Out;
            Assert.Contains("rule bulk-write", shown, StringComparison.Ordinal);
            Assert.Contains("about 40 rows", shown, StringComparison.Ordinal);
            (await CommandLine.As(world, "engineer", "holds", "release", hold)).With(1);
            Assert.Equal("Refused", (await CommandLine.As(world, "dba", "holds", "refuse", hold, "-c", "not all of them", "--json")).With(0).Json.GetProperty("state").GetString());
            Assert.Contains("not all of them", (await psql.End()).With(1).Error, StringComparison.Ordinal);
        }
        Assert.Equal(40, await TestWorld.Ask<long>("SELECT count(*) FROM shop.parked"));

        await using (var psql = CommandLine.Start(world, home, await world.Api.Token("engineer"), "connect", "orders", "-e", "everything", "--database", "orders", "--", "-Xc", "DELETE FROM shop.parked"))
        {
            (await CommandLine.As(world, "dba", "holds", "release", await Waiting("DELETE FROM shop.parked"), "-c", "agreed")).With(0);
            Assert.Equal("DELETE 40\n", (await psql.End()).With(0).Out);
        }
        Assert.Equal(0, await TestWorld.Ask<long>("SELECT count(*) FROM shop.parked"));
    }
}

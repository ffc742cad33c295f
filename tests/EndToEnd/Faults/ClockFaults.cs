using AccessPlane.Tests.EndToEnd.Faults.World;
using AccessPlane.Tests.EndToEnd.World;
using Npgsql;

namespace AccessPlane.Tests.EndToEnd.Faults;

/// <summary>Somebody sets the clock of the agent's host, while it works.</summary>
public sealed class ClockFaults(Product product) : IAsyncLifetime
{
    private readonly string file = $"{TestWorld.State}/clock";

    private string Health => $"http://127.0.0.1:{product.Port(4)}/health/ready";

    public async ValueTask InitializeAsync()
    {
        await product.Ready();
        await Set(0);
        // the process is shown another wall clock, and no other clock: as where only the former is set
        product.Agent.Beside["LD_PRELOAD"] = Directory.GetDirectories("/usr/lib").Select(d => $"{d}/faketime/libfaketime.so.1").Single(File.Exists);
        product.Agent.Beside["FAKETIME_TIMESTAMP_FILE"] = file;
        product.Agent.Beside["FAKETIME_CACHE_DURATION"] = "1";
        product.Agent.Beside["FAKETIME_DONT_FAKE_MONOTONIC"] = "1";
        await Restart();
    }

    public async ValueTask DisposeAsync()
    {
        product.Agent.Beside.Clear();
        await Restart();
        File.Delete(file);
    }

    [Fact(Explicit = true)]
    public async Task Set_by_an_hour_either_way_it_changes_nothing_and_every_transcript_is_taken()
    {
        await using var load = await Load.Start(product);
        var revoked = await product.Grant();
        await using var goes = await product.Session(revoked, "before-the-clock-was-set");
        foreach (var (seconds, says) in new[] { (3600, "ahead of the control plane's"), (-3600, "behind the control plane's") })
        {
            await Set(seconds);
            await Wait.Until(async () => (await Product.Says(Health)).Contains(says, StringComparison.Ordinal), 30, () => "the agent does not notice");
            await load.Flows();
            await using var comes = await product.Session(application: "after-the-clock-was-set");
            await Product.Do(comes, product.NextNumber());
        }
        (await product.Plane.Api.Post("admin", $"/v1/grants/{revoked}/revoke", new { reason = "a test" })).Is(200);
        await Assert.ThrowsAnyAsync<NpgsqlException>(async () =>
        {
            for (var tries = 0; tries < 100; tries++)
            {
                await Product.Do(goes, product.NextNumber());
            }
        });
        // what a process leaves that dies with a wrong clock, the next one dates by its own: it has to know better, too
        await product.Agent.Kill();
        product.Agent.Start();
        await product.AgentReady(120);
        await load.Flows();
        await load.Stop();
        var ledger = (await Ledger.Settled(product)).Holds(load.Acknowledged);
        var off = await product.AskLog<double>(
            "SELECT max(abs(extract(epoch FROM (line::jsonb ->> 'at')::timestamptz - timestamp)))::float8 FROM accessplane.mt_events, regexp_split_to_table(trim(E' \\n' FROM data ->> 'entries'), E'\\n') line WHERE type = 'transcript_recorded'");
        Assert.InRange(off, 0, 600);
        FaultReport.Saw(
            $"an hour ahead and an hour behind, under load, and killed meanwhile: {load.Opened} sessions, no transcript refused, none of their entries dated more than {off:0} s before it was taken; the revoked session was cut; {ledger}",
            ledger.Numbers());
    }

    /// <summary>Beside it first: whoever reads it reads all of it.</summary>
    private async Task Set(int seconds)
    {
        await File.WriteAllTextAsync($"{file}.new", $"{seconds:+0;-0;+0}\n");
        File.Move($"{file}.new", file, overwrite: true);
    }

    private async Task Restart()
    {
        await product.Agent.Kill();
        product.Agent.Start();
        await product.AgentReady(120);
    }
}

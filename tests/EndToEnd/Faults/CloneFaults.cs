using System.Diagnostics;
using System.Text.Json;
using AccessPlane.Tests.EndToEnd.Faults.World;
using AccessPlane.Tests.EndToEnd.World;

namespace AccessPlane.Tests.EndToEnd.Faults;

/// <summary>One agent as two processes: of a state folder that was copied, as a virtual machine is, and of one process after another.</summary>
public sealed class CloneFaults(Product product) : IAsyncLifetime
{
    private readonly string id = $"twin-{Guid.CreateVersion7():N}"[..20];
    private readonly List<Daemon> started = [];
    private string Folder => $"{TestWorld.State}/{product.Name}/{id}";

    public async ValueTask InitializeAsync() => await product.Ready();

    public async ValueTask DisposeAsync()
    {
        foreach (var process in started)
        {
            await process.DisposeAsync();
        }
    }

    [Fact(Explicit = true)]
    public async Task A_copied_agent_gets_no_lease_and_both_are_known_until_it_is_retired()
    {
        var token = (await product.Plane.Api.Post("admin", "/v1/agents", new { id, resources = (string[])["orders"] })).Is(201).Text("token");
        var first = await Agent("first", 30, token);
        await Wait.Until(() => Product.Answers(Ready(31)), 60, () => "the agent is not ready");

        // killed without a word and started at once: the same agent
        await first.Kill();
        var restarted = Stopwatch.StartNew();
        first.Start();
        await Wait.Until(() => Product.Answers(Ready(31)), 60, () => "the agent is not ready again");
        var back = restarted.Elapsed;
        Assert.False((await Look()).TryGetProperty("cloneFound", out _), "a process that followed another was taken for its double");

        Copy($"{Folder}/first", $"{Folder}/second");
        await Agent("second", 32, token);
        var began = Stopwatch.StartNew();
        JsonElement found = default;
        await Wait.Until(async () => (await Look()).TryGetProperty("cloneFound", out found), 60, () => "nobody noticed that there are two");
        var noticed = began.Elapsed;
        Assert.Contains("its state was copied", found.GetString(), StringComparison.Ordinal);
        await Wait.Until(async () => (await Says(33)).Contains("its state was copied", StringComparison.Ordinal), 30, () => "the copy does not know");
        Assert.False(await Product.Answers(Ready(33)), "the copy is ready");
        await Wait.Until(async () => await Product.Answers(Ready(31)) && (await Says(31)).Contains("its state was copied", StringComparison.Ordinal), 30, () => "the first one does not know, or does not serve");
        Assert.Contains("its state was copied", await Product.Says($"{product.Plane.Address}/health/ready"), StringComparison.Ordinal);
        Assert.Equal(1, await product.AskLog<long>($"SELECT count(*) FROM accessplane.mt_events WHERE type = 'agent_clone_found' AND data ->> 'agent' = '{id}'"));

        // the copy stays out when it is all that is left: nobody knows which of the two is the thief
        await first.Kill();
        await started[1].Kill();
        var alone = Stopwatch.StartNew();
        started[1].Start();
        await Wait.Until(async () => (await Says(33)).Contains("its state was copied", StringComparison.Ordinal), 60, () => "the copy was let in");
        Assert.False(await Product.Answers(Ready(33)), "the copy is ready");
        (await product.Plane.Api.Post("admin", $"/v1/agents/{id}/retire", new { reason = "copied" })).Is(204);
        Assert.DoesNotContain("its state was copied", await Product.Says($"{product.Plane.Address}/health/ready"), StringComparison.Ordinal);
        FaultReport.Saw(
            $"kill -9 and start at once: ready after {back.TotalSeconds:0.0} s, no clone; a copy: noticed after {noticed.TotalSeconds:0.0} s, refused beside the first and {alone.Elapsed.TotalSeconds:0.0} s alone; both said so",
            ("clone noticed, s", noticed.TotalSeconds), ("agent killed until ready, s", back.TotalSeconds));
    }

    private async Task<JsonElement> Look() => (await product.Plane.Api.Get("admin", $"/v1/agents/{id}")).Is(200).Body;

    private string Ready(int port) => $"http://127.0.0.1:{product.Port(port)}/health/ready";

    private Task<string> Says(int port) => Product.Says(Ready(port));

    /// <summary>Starts an agent with its door at one port and its health at the next.</summary>
    private async Task<Daemon> Agent(string name, int port, string token)
    {
        Directory.CreateDirectory(Folder);
        await File.WriteAllTextAsync($"{Folder}/password", TestWorld.Variable("ACCESSPLANE_TEST_ORDERS_AGENT_PASSWORD"));
        await File.WriteAllTextAsync($"{Folder}/{name}.json", JsonSerializer.Serialize(new
        {
            id,
            controlPlane = product.Plane.Address,
            state = $"{Folder}/{name}",
            health = $"http://127.0.0.1:{product.Port(port + 1)}",
            listeners = new[]
            {
                new
                {
                    protocol = "postgresql",
                    resource = "orders",
                    address = "127.0.0.1",
                    port = product.Port(port),
                    upstream = new { host = "127.0.0.1", port = product.Port(6), user = "accessplane_agent", passwordFile = $"{Folder}/password", tls = "disable" },
                },
            },
        }));
        var agent = new Daemon(
            $"{id}-{name}", TestWorld.Program("agent", "Agent"), [$"{Folder}/{name}.json"],
            new Dictionary<string, string> { ["ACCESSPLANE_ENROLMENT_TOKEN"] = token, ["HOME"] = Folder });
        started.Add(agent);
        agent.Start();
        return agent;
    }

    /// <summary>As it is, while the agent runs.</summary>
    private static void Copy(string from, string to)
    {
        Directory.CreateDirectory(to);
        foreach (var file in Directory.GetFiles(from, "*", SearchOption.AllDirectories).Where(f => Path.GetFileName(f) != "lock"))
        {
            var copy = Path.Combine(to, Path.GetRelativePath(from, file));
            Directory.CreateDirectory(Path.GetDirectoryName(copy)!);
            File.Copy(file, copy);
        }
    }
}

using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Net.Sockets;
using System.Text.Json;
using System.Text.Json.Nodes;
using Npgsql;
using Xunit;

namespace AccessPlane.Tests.Integration.Deployment;

/// <summary>
/// What infra/publish makes, started on this machine as compose.yaml and the units start it: the same program, nothing in its environment but what they give, secrets
/// as files. Only addresses and folders are others. It becomes ready against real servers.
/// </summary>
public sealed class StartTests : IAsyncLifetime
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(3);
    private readonly string folder = Directory.CreateTempSubdirectory("accessplane-start-").FullName;
    private readonly List<Process> processes = [];
    private readonly int port = FreePort();
    private readonly int health = FreePort();
    private readonly int door = FreePort();
    private string database = "";
    private string broker = "";

    public async ValueTask InitializeAsync()
    {
        await Repository.Succeeds(TimeSpan.FromMinutes(20), Repository.Path("infra/publish"));
        (database, broker) = (await Servers.CreateDatabase(), await Servers.CreateBrokerHost());
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var process in processes)
        {
            process.Kill(entireProcessTree: true);
            process.Dispose();
        }
        await Servers.DropBrokerHost(broker);
        await Servers.DropDatabase(database);
        Directory.Delete(folder, true);
    }

    [Theory]
    [InlineData("compose")]
    [InlineData("systemd")]
    public async Task What_is_published_becomes_ready_as_it_is_deployed(string how)
    {
        Directory.CreateDirectory($"{folder}/secrets");
        await File.WriteAllTextAsync($"{folder}/secrets/ConnectionStrings__Log", database + "\n", TestContext.Current.CancellationToken);
        await File.WriteAllTextAsync($"{folder}/secrets/Broker__Uri", broker, TestContext.Current.CancellationToken);
        await File.WriteAllTextAsync($"{folder}/secrets/Broker__ManagementUri", Servers.RabbitApi, TestContext.Current.CancellationToken);
        await File.WriteAllTextAsync($"{folder}/secrets/database-password", Servers.Need("ACCESSPLANE_TEST_ORDERS_AGENT_PASSWORD"), TestContext.Current.CancellationToken);
        foreach (var (name, file) in new[] { ("agent-certificate", "server.pem"), ("agent-key", "server.key") })
        {
            File.Copy($"{Servers.Need("ACCESSPLANE_TEST_RUN")}/tls/{file}", $"{folder}/secrets/{name}");
        }
        Start("control-plane", how == "compose" ? OfCompose() : OfSystemd("control-plane"));
        await Ready(port);

        using var admin = new HttpClient { BaseAddress = new Uri($"http://127.0.0.1:{port}") };
        admin.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", await Token("admin"));
        var signIn = await admin.GetFromJsonAsync<JsonElement>(new Uri("/v1/sign-in", UriKind.Relative), TestContext.Current.CancellationToken);
        Assert.Equal((Servers.Oidc, "accessplane-cli"), (signIn.GetProperty("issuer").GetString(), signIn.GetProperty("clientId").GetString()));
        using var policy = new StringContent("resources:\n  - { id: orders, kind: postgresql }\nmode: enforce\n", MediaTypeHeaderValue.Parse("application/yaml"));
        using var published = await admin.PutAsync(new Uri("/v1/policies", UriKind.Relative), policy, TestContext.Current.CancellationToken);
        Assert.True(published.IsSuccessStatusCode, await published.Content.ReadAsStringAsync(TestContext.Current.CancellationToken));
        using var invited = await admin.PostAsJsonAsync("/v1/agents", new { id = "orders-agent", resources = new[] { "orders" } }, TestContext.Current.CancellationToken);
        var invitation = await invited.Content.ReadFromJsonAsync<JsonElement>(TestContext.Current.CancellationToken);
        await File.WriteAllTextAsync($"{folder}/secrets/enrolment-token", invitation.GetProperty("token").GetString() + "\n", TestContext.Current.CancellationToken);

        await WriteAgent(how == "compose" ? "infra/deploy/docker/agent.json" : "infra/deploy/systemd/agent.json");
        Start("agent", how == "compose" ? [] : OfSystemd("agent"), $"{folder}/agent.json");
        await Ready(health);
        foreach (var listening in new[] { port, health })
        {
            await Repository.Succeeds(Repository.Path("infra/deploy/docker/health"), listening.ToString(CultureInfo.InvariantCulture));
        }
    }

    private Dictionary<string, string> OfCompose() => PlainYaml.Map(Repository.Text("infra/deploy/compose.yaml")).Members("services.control-plane.environment")
        .ToDictionary(v => v.Key, v => Here(v.Key, (string)v.Value!));

    /// <summary>What the unit sets, and what stands in the file that it reads.</summary>
    private Dictionary<string, string> OfSystemd(string service)
    {
        var unit = Repository.Assignments($"infra/deploy/systemd/accessplane-{service}.service");
        var set = unit["Environment"].SelectMany(e => e.Split(' ')).Select(e => e.Split('=', 2)).ToDictionary(e => e[0], e => e[1]);
        foreach (var setting in service == "control-plane" ? Repository.Assignments("infra/deploy/systemd/control-plane.env").Select(g => (g.Key, Value: g.Last())) : [])
        {
            set[setting.Key] = setting.Value;
        }
        return set.ToDictionary(v => v.Key, v => Here(v.Key, v.Value));
    }

    /// <summary>Addresses and folders of this machine in the place of theirs.</summary>
    private string Here(string name, string value) => name switch
    {
        "Urls" => $"http://127.0.0.1:{port}",
        "Broker__AgentUri" => new UriBuilder(broker) { UserName = "", Password = "" }.Uri.AbsoluteUri,
        "Identity__Issuers__0__Issuer" => Servers.Oidc,
        "Identity__Issuers__0__Audience" => "accessplane",
        "Identity__Issuers__0__GroupsClaim" => "groups",
        "Roles__Admins__0" => "admins",
        "Roles__Auditors__0" => "auditors",
        "CommandLine__ClientId" => "accessplane-cli",
        "Secrets__Path" => $"{folder}/secrets",
        "Keys__Path" => $"{folder}/keys",
        "Evidence__Checkpoints" => $"{folder}/checkpoints",
        "PublicUrl" => "https://accessplane.example",
        _ => value,
    };

    private async Task WriteAgent(string example)
    {
        var config = JsonNode.Parse(Repository.Text(example), documentOptions: new JsonDocumentOptions { CommentHandling = JsonCommentHandling.Skip })!;
        var orders = new NpgsqlConnectionStringBuilder(Servers.Need("ACCESSPLANE_TEST_ORDERS"));
        (config["controlPlane"], config["state"], config["health"]) = ($"http://127.0.0.1:{port}", $"{folder}/state", $"http://127.0.0.1:{health}");
        config["enrolmentTokenFile"] = $"{folder}/secrets/{Path.GetFileName((string)config["enrolmentTokenFile"]!)}";
        var (listener, upstream) = (config["listeners"]![0]!, config["listeners"]![0]!["upstream"]!);
        (listener["address"], listener["port"]) = ("127.0.0.1", door);
        foreach (var file in new[] { "certificate", "key" })
        {
            listener["tls"]![file] = $"{folder}/secrets/{Path.GetFileName((string)listener["tls"]![file]!)}";
        }
        upstream["passwordFile"] = $"{folder}/secrets/{Path.GetFileName((string)upstream["passwordFile"]!)}";
        (upstream["host"], upstream["port"]) = ("localhost", orders.Port);
        if (upstream["rootCertificate"] is not null)
        {
            upstream["rootCertificate"] = Servers.Need("ACCESSPLANE_TEST_CA");
        }
        await File.WriteAllTextAsync($"{folder}/agent.json", config.ToJsonString(), TestContext.Current.CancellationToken);
    }

    private void Start(string part, Dictionary<string, string> environment, params string[] arguments)
    {
        var start = new ProcessStartInfo(Repository.Path($"artifacts/publish/{part}/accessplane-{part}"), arguments) { WorkingDirectory = folder, RedirectStandardInput = true, RedirectStandardOutput = true };
        start.Environment.Clear();
        foreach (var (name, value) in environment)
        {
            start.Environment[name] = value;
        }
        var process = Process.Start(start)!;
        process.BeginOutputReadLine();
        processes.Add(process);
    }

    private async Task Ready(int at)
    {
        using var http = new HttpClient { Timeout = TimeSpan.FromSeconds(10) };
        var (watch, said) = (Stopwatch.StartNew(), "nothing");
        while (true)
        {
            try
            {
                using var answer = await http.GetAsync(new Uri($"http://127.0.0.1:{at}/health/ready"), TestContext.Current.CancellationToken);
                said = await answer.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);
                if (answer.IsSuccessStatusCode)
                {
                    return;
                }
            }
            catch (HttpRequestException notYet)
            {
                said = notYet.Message;
            }
            Assert.True(watch.Elapsed < Patience && processes.TrueForAll(p => !p.HasExited), $"not ready: {said}");
            await Task.Delay(100, TestContext.Current.CancellationToken);
        }
    }

    private static async Task<string> Token(string name)
    {
        using var http = new HttpClient();
        using var form = new FormUrlEncodedContent(new Dictionary<string, string>
        {
            ["grant_type"] = "client_credentials",
            ["client_id"] = name,
            ["client_secret"] = Servers.OidcSecret,
            ["resource"] = "urn:accessplane",
        });
        using var answer = await http.PostAsync(new Uri($"{Servers.Oidc}/token"), form, TestContext.Current.CancellationToken);
        return (await answer.Content.ReadFromJsonAsync<JsonElement>(TestContext.Current.CancellationToken)).GetProperty("access_token").GetString()!;
    }

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}

using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using AccessPlane.Tests.EndToEnd.World;
using Npgsql;

[assembly: AssemblyFixture(typeof(TestWorld))]

namespace AccessPlane.Tests.EndToEnd.World;

/// <summary>
/// The whole product as real processes, started by infra/up in the state folder of infra/test, with the servers that infra/test has started.
/// On top: a policy with an entitlement that allows everything, and a database `scratch` that belongs to the agent's own role.
/// </summary>
public sealed class TestWorld : IAsyncLifetime
{
    public static string Root => Variable("ACCESSPLANE_TEST_ROOT");
    internal static string State => Variable("ACCESSPLANE_TEST_RUN");

    private readonly Dictionary<string, string> env = [];
    private string document = "";
    private string noRules = "";
    internal Api Api { get; private set; } = null!;
    internal int AgentPort { get; private set; }
    internal string Ca { get; private set; } = "";

    /// <summary>Where the control plane is, its console too.</summary>
    internal string Url => env["ACCESSPLANE_URL"];

    internal string Issuer => env["OIDC_ISSUER"];

    /// <summary>The log's server as its superuser.</summary>
    internal static string Log => Variable("ACCESSPLANE_TEST_PG");

    /// <summary>The sample server as its superuser, past the agent. Not pooled: the server is restarted by some tests, and a connection of before is none.</summary>
    internal static string Orders => $"{Variable("ACCESSPLANE_TEST_ORDERS")};Pooling=false;Server Compatibility Mode=NoTypeLoading";

    /// <summary>The sample server as the agent logs in to it, past the agent: what a client through it should see.</summary>
    internal static string Direct(string database) => new NpgsqlConnectionStringBuilder(Orders)
    {
        Username = "accessplane_agent",
        Password = Variable("ACCESSPLANE_TEST_ORDERS_AGENT_PASSWORD"),
        Database = database,
        Pooling = false,
    }.ConnectionString;

    internal static string DirectUrl(string database)
    {
        var at = new NpgsqlConnectionStringBuilder(Orders);
        return $"postgresql://accessplane_agent:{Variable("ACCESSPLANE_TEST_ORDERS_AGENT_PASSWORD")}@{at.Host}:{at.Port}/{database}";
    }

    public async ValueTask InitializeAsync()
    {
        (await Run.ToEnd($"{Root}/infra/up", [], Settings)).Succeeded();
        foreach (var line in await File.ReadAllLinesAsync($"{State}/env"))
        {
            if (line.StartsWith("export ", StringComparison.Ordinal) && line.IndexOf('=', StringComparison.Ordinal) is > 0 and var at)
            {
                env[line[7..at]] = line[(at + 1)..];
            }
        }
        AgentPort = int.Parse(env["ACCESSPLANE_PG_PORT"], CultureInfo.InvariantCulture);
        Ca = env["ACCESSPLANE_CA"];
        var issuer = env["OIDC_ISSUER"];
        Api = new Api(new Uri(env["ACCESSPLANE_URL"]), new Uri(issuer), Variable("ACCESSPLANE_TEST_OIDC_SECRET"));
        await MakeScratch();
        var policy = await File.ReadAllTextAsync($"{Root}/infra/demo-policy.yaml");
        var everything = await File.ReadAllTextAsync($"{Root}/tests/EndToEnd/everything.yaml");
        policy = policy.Replace("entitlements:\n", everything, StringComparison.Ordinal).Replace("${OIDC_ISSUER}", issuer, StringComparison.Ordinal);
        document = policy;
        // what clients can do is shown without rules that forbid some of it: those have tests of their own
        var (rules, directory) = (policy.IndexOf("# Every statement is judged", StringComparison.Ordinal), policy.IndexOf("\ndirectory:", StringComparison.Ordinal));
        noRules = policy[..rules] + policy[directory..];
        await Api.PublishPolicy(noRules);
    }

    /// <summary>The demo's guardrails, masks and limits in force, or none: at the agent when this returns.</summary>
    internal async Task Rules(bool inForce)
    {
        await Api.PublishPolicy(inForce ? document : noRules);
        // a ticket is answered when its agent has acknowledged the order, which stands behind the policy's: no clock is asked
        await Everything();
    }

    public async ValueTask DisposeAsync()
    {
        if (Api is not null)
        {
            await EveryOperation.IsExplained(Api, new NpgsqlConnectionStringBuilder(Log) { Database = "accessplane" }.ConnectionString);
            await NoSecretIsLeftBehind();
            Api.Dispose();
        }
    }

    /// <summary>
    /// After everything else: none of the secrets that this run has made stands in a log, an event, a read model, a transcript, a spool, a report, an
    /// answer or what a client wrote, and in what the other suites have written nothing that has the form of one.
    /// </summary>
    private async Task NoSecretIsLeftBehind()
    {
        var (sweep, agent) = (SecretSweep.OfTheRun, $"{State}/orders-agent/state");
        string[] keys = [$"{agent}/agent.pem", $"{agent}/enrolment.json", $"{agent}/masks.key"];
        foreach (var path in (IEnumerable<string>)[.. Directory.EnumerateFiles($"{State}/secrets"), .. Directory.EnumerateFiles($"{State}/control-plane", "*.pem"),
            .. Directory.EnumerateFiles($"{State}/control-plane/console", "*.xml"), .. Directory.EnumerateFiles($"{State}/tls", "*.key"), .. keys, $"{State}/orders-agent/agent.json"])
        {
            sweep.KnowsFile(path);
        }
        Assert.True(sweep.Known > 20, $"only {sweep.Known} secrets are known: tokens, tickets, passwords and keys were made");
        foreach (var (where, text) in Api.Said)
        {
            sweep.Look(where, text);
        }
        sweep.LookAtWhatWasHeard();
        // what it still holds back is looked at too, and nothing of it goes away meanwhile
        using (var process = Process.GetProcessById(ProcessOf("orders-agent")))
        {
            process.Kill();
            await process.WaitForExitAsync();
        }
        sweep.LookInFiles($"{State}/logs");
        sweep.LookInFiles(agent, but: path => keys.Contains(path));
        // infra/test has one kind of report, infra/faults another. Ours is written after this; those of unit tests have made-up ones
        foreach (var report in Directory.EnumerateFiles(State).Where(r =>
            Path.GetExtension(r) is ".xml" or ".json" or ".ndjson" && Path.GetFileNameWithoutExtension(r) is not ("EndToEnd" or "Unit" or "faults-EndToEnd" or "faults-Unit")))
        {
            sweep.LookInFile(report);
        }
        var log = new NpgsqlConnectionStringBuilder(Variable("ACCESSPLANE_TEST_PG")) { Database = "accessplane", Pooling = false };
        await sweep.LookInDatabase(log.ConnectionString, "the log's database");
        // a few tests leave few texts
        Assert.True(sweep.Looked > (IsWhole ? 1_000 : 0), $"only {sweep.Looked} texts were looked at");
        Assert.True(sweep.Found.Count == 0, $"secrets stand where none may:\n{string.Join('\n', sweep.Found)}");
    }

    /// <summary>Every test of this suite has run: infra/test says so.</summary>
    internal static bool IsWhole => Environment.GetEnvironmentVariable("ACCESSPLANE_TEST_WHOLE") is { Length: > 0 };

    /// <summary>What the scripts in infra need to act on this state folder, with what infra/test has built.</summary>
    internal static Dictionary<string, string> Settings => new()
    {
        ["ACCESSPLANE_RUN"] = State,
        ["ACCESSPLANE_CONFIGURATION"] = "Debug",
        ["ACCESSPLANE_NO_BUILD"] = "1",
        ["NO_COLOR"] = "1",
    };

    /// <summary>A plane's program: what infra/publish made where infra/test has had it publish, or what was built.</summary>
    /// <param name="plane">`agent` or `control-plane`.</param>
    /// <param name="project">Its project's name after `AccessPlane.`.</param>
    internal static string Program(string plane, string project) => Environment.GetEnvironmentVariable("ACCESSPLANE_PUBLISHED") is { Length: > 0 } published
        ? $"{published}/{plane}/accessplane-{plane}"
        : $"{Root}/artifacts/bin/AccessPlane.{project}/debug/accessplane-{plane}";

    internal static Task<Ran> Infra(string script, params string[] arguments) => Run.ToEnd($"{Root}/infra/{script}", arguments, Settings);

    /// <summary>The process that infra started under that name.</summary>
    internal static int ProcessOf(string name) =>
        int.Parse(File.ReadAllText($"{State}/pids/{name}").Split(' ')[0], CultureInfo.InvariantCulture);

    /// <summary>Asks for a right that approves itself, and gives the grant.</summary>
    internal async Task<string> Grant(string who, string entitlement) =>
        (await Api.Post(who, "/v1/requests", new { entitlement, duration = "PT1H", reason = "a test" })).Is(201).Text("grantId");

    internal async Task<Ticket> TicketFor(string who, string grant, int connections = 1, string? database = null)
    {
        // the agent may be on its way back from an outage that another test made: 503 says to try again
        Answer answer = null!;
        await Wait.Until(
            async () => (answer = await Api.Post(who, $"/v1/grants/{grant}/tickets", new { connections, database = database ?? "orders" })).Status != 503,
            60, () => $"no ticket: {answer.Body}");
        var body = answer.Is(201).Body;
        return new Ticket(body.GetProperty("username").GetString()!, body.GetProperty("password").GetString()!, body.GetProperty("port").GetInt32(),
            database ?? "orders");
    }

    /// <summary>A way in to everything in `scratch`, for as many connections as wanted.</summary>
    internal async Task<Ticket> Everything(int connections = 1, string database = "scratch") =>
        await TicketFor("engineer", await Grant("engineer", "everything"), connections, database);

    internal async Task<JsonElement> SessionCalled(string application, string? state = null)
    {
        JsonElement found = default;
        await Wait.Until(async () =>
        {
            var answer = (await Api.Get("auditor", "/v1/sessions?limit=1000")).Is(200);
            found = answer.Body.GetProperty("items").EnumerateArray().FirstOrDefault(s => s.GetProperty("application").GetString() == application);
            return found.ValueKind == JsonValueKind.Object && (state is null || found.GetProperty("state").GetString() == state);
        }, 30, () => $"the session `{application}` is not {state ?? "known"}: {found}");
        return found;
    }

    /// <summary>The direct answer of the sample server to one question.</summary>
    internal static async Task<T> Ask<T>(string sql, string? connection = null)
    {
        await using var database = new NpgsqlConnection(connection ?? Orders);
        await database.OpenAsync(TestContext.Current.CancellationToken);
        await using var command = new NpgsqlCommand(sql, database);
        return (T)(await command.ExecuteScalarAsync(TestContext.Current.CancellationToken))!;
    }

    private static async Task MakeScratch()
    {
        await using var database = new NpgsqlConnection(Orders);
        await database.OpenAsync();
        await using var drop = new NpgsqlCommand("DROP DATABASE IF EXISTS scratch WITH (FORCE)", database);
        await drop.ExecuteNonQueryAsync();
        await using var make = new NpgsqlCommand("CREATE DATABASE scratch OWNER accessplane_agent", database);
        await make.ExecuteNonQueryAsync();
    }

    internal static string Variable(string name) =>
        Environment.GetEnvironmentVariable(name) ?? throw new InvalidOperationException($"{name} is not set: run infra/test (or infra/test --servers, then source .run/test/env)");
}

/// <summary>A one-time credential, in the forms that clients want it.</summary>
internal sealed record Ticket(string User, string Password, int Port, string Database)
{
    public string Url(string application = "test", string parameters = "") =>
        $"postgresql://{User}:{Password}@127.0.0.1:{Port}/{Database}?application_name={application}{parameters}";

    public string Npgsql(string application = "test") =>
        $"Host=127.0.0.1;Port={Port};Username={User};Password={Password};Database={Database};Application Name={application};Pooling=false;SSL Mode=Disable";
}

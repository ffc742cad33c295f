using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Text.Json;
using AccessPlane.Contracts;
using AccessPlane.Contracts.Messages;
using AccessPlane.ControlPlane.Keys;
using AccessPlane.Tests.EndToEnd.World;
using Npgsql;

[assembly: AssemblyFixture(typeof(AccessPlane.Tests.EndToEnd.Faults.World.Product))]

namespace AccessPlane.Tests.EndToEnd.Faults.World;

/// <summary>
/// The product a second time, for the tests that break it: control planes and an agent as processes that can be killed and paused, with networks between them
/// that can be cut, on a log, a virtual host and a database of their own. Started by the first test that wants it.
/// </summary>
public sealed class Product : IAsyncDisposable
{
    /// <summary>The bounds of the resource `orders`: of what is promised within a time, these are the times.</summary>
    internal static readonly TimeSpan FreezeAfter = TimeSpan.FromSeconds(2);
    internal static readonly TimeSpan PayrollKillAfter = TimeSpan.FromSeconds(8);

    private const string Policy = """
        resources:
          - { id: orders, kind: postgresql, freeze-after: 2s, kill-after: 3m }
          - { id: payroll, kind: postgresql, freeze-after: 1s, kill-after: 8s }
        entitlements:
          - { id: orders, resource: orders, who: { groups: [engineering] }, max-duration: 8h, approval: { auto: true }, tickets: { max-connections: 2000 } }
          - { id: payroll, resource: payroll, who: { groups: [engineering] }, max-duration: 8h, approval: { auto: true }, tickets: { max-connections: 2000 } }
          - id: by-approval
            resource: orders
            who: { groups: [engineering] }
            max-duration: 2h
            approval: { steps: [ { from: { groups: [dba] }, count: 1 } ], expires: 1h }
        directory:
          groups:
            dba: ['ISSUER|dba', 'ISSUER|dba2']
        mode: enforce
        """;

    private readonly string name = $"faults_{Guid.CreateVersion7():N}"[..20];
    private readonly SemaphoreSlim starting = new(1, 1);
    private long numbers;
    private Daemon? agent;
    private int basePort;
    private bool started;

    internal IReadOnlyList<Plane> Planes { get; private set; } = [];
    internal Plane Plane => Planes[0];
    internal Daemon Agent => agent!;

    /// <summary>Between the agent and the broker.</summary>
    internal Link ToBroker { get; private set; } = null!;

    /// <summary>Between the agent and the database of `orders`; that of `payroll` is the same by another way.</summary>
    internal Link ToOrders { get; private set; } = null!;

    /// <summary>The log, past the control plane.</summary>
    internal string Log { get; private set; } = "";

    /// <summary>The database of both resources, as the agent logs in to it, past the agent.</summary>
    internal string Database => TestWorld.Direct(name);

    internal BrokerHost Broker { get; private set; } = null!;

    internal string Name => name;
    internal const string AgentId = "faults-agent";

    /// <summary>Of statements, so that each can be told from every other in what was executed and in what was recorded.</summary>
    internal long NextNumber() => Interlocked.Increment(ref numbers);

    /// <summary>Everything runs, sees each other, and lets people in.</summary>
    internal async Task Ready()
    {
        await starting.WaitAsync();
        try
        {
            if (!started)
            {
                await Start();
                started = true;
            }
        }
        finally
        {
            starting.Release();
        }
        ToBroker.Heal();
        ToOrders.Heal();
        if (!Plane.Runs)
        {
            await Plane.Start();
        }
        await AgentReady();
    }

    internal Task AgentReady(int seconds = 60) => Wait.Until(() => Answers($"http://127.0.0.1:{Port(4)}/health/ready"), seconds, () => "the agent is not ready");

    internal async Task<string> Grant(string who = "engineer", string entitlement = "orders", string duration = "PT1H") =>
        (await Plane.Api.Post(who, "/v1/requests", new { entitlement, duration, reason = "a test" })).Is(201).Text("grantId");

    /// <param name="by">The control plane that is asked.</param>
    internal async Task<Ticket> TicketFor(string grant, int connections = 1, string who = "engineer", Plane? by = null)
    {
        Answer answer = null!;
        await Wait.Until(
            async () => (answer = await (by ?? Plane).Api.Post(who, $"/v1/grants/{grant}/tickets", new { connections, database = name })).Status != 503,
            60, () => $"no ticket: {answer.Body}");
        var body = answer.Is(201).Body;
        return new Ticket(body.GetProperty("username").GetString()!, body.GetProperty("password").GetString()!, body.GetProperty("port").GetInt32(), name);
    }

    /// <summary>A session through the agent, that waits as long as anything here may take: a test that fails ends all the same.</summary>
    internal static async Task<NpgsqlConnection> Open(Ticket ticket, string application = "faults", string more = "Cancellation Timeout=-1")
    {
        var since = Stopwatch.StartNew();
        while (true)
        {
            var session = new NpgsqlConnection($"{ticket.Npgsql(application)};Timeout=60;Command Timeout=150;{more}");
            try
            {
                await session.OpenAsync();
                return session;
            }
            catch (PostgresException early) when (early.SqlState == "28000" && since.Elapsed < TimeSpan.FromSeconds(30 * Wait.Patience))
            {
                await session.DisposeAsync(); // the agent is on its way back from another fault, and says so without using the ticket up
            }
        }
    }

    internal async Task<NpgsqlConnection> Session(string? grant = null, string application = "faults") =>
        await Open(await TicketFor(grant ?? await Grant()), application);

    /// <summary>Writes one numbered row through a session.</summary>
    internal static Task Do(NpgsqlConnection session, long number) => Do(session, $"INSERT INTO done VALUES ({number})");

    internal static async Task Do(NpgsqlConnection session, string sql)
    {
        await using var command = new NpgsqlCommand(sql, session);
        await command.ExecuteNonQueryAsync();
    }

    /// <summary>Whether the server has executed it: asked of the server itself.</summary>
    internal async Task<bool> IsDone(long number) => await Ask<bool>($"SELECT EXISTS (SELECT FROM done WHERE n = {number})");

    internal Task<long> CountDone() => Ask<long>("SELECT count(*) FROM done");

    internal async Task<T> Ask<T>(string sql) => await TestWorld.Ask<T>(sql, Database);

    internal async Task<T> AskLog<T>(string sql) => await TestWorld.Ask<T>(sql, Log);

    public async ValueTask DisposeAsync()
    {
        starting.Dispose();
        if (!started)
        {
            return;
        }
        if (!Plane.Runs)
        {
            await Plane.Start();
        }
        await EveryOperation.IsExplained(Plane.Api, Log);
        await Agent.DisposeAsync();
        foreach (var plane in Planes)
        {
            await plane.DisposeAsync();
        }
        try
        {
            await LeftBehind.NoSecret(this, $"{TestWorld.State}/{name}");
        }
        finally
        {
            await End();
        }
    }

    private async Task End()
    {
        await ToBroker.DisposeAsync();
        await ToOrders.DisposeAsync();
        await OnServer(TestWorld.Orders, $"DROP DATABASE IF EXISTS {name} WITH (FORCE)");
        await OnServer(TestWorld.Log, $"DROP DATABASE IF EXISTS {name} WITH (FORCE)");
        await Broker.Delete($"agent-{AgentId}");
        Directory.Delete($"{TestWorld.State}/{name}", recursive: true);
    }

    internal int Port(int index) => basePort + index;

    /// <summary>What is answered there; why not, where nobody answers.</summary>
    internal static async Task<string> Says(string url)
    {
        using var http = new HttpClient { Timeout = TimeSpan.FromSeconds(20) };
        try
        {
            using var answer = await http.GetAsync(new Uri(url));
            return await answer.Content.ReadAsStringAsync();
        }
        catch (Exception nobody) when (nobody is HttpRequestException or TaskCanceledException)
        {
            return nobody.Message;
        }
    }

    internal static async Task<bool> Answers(string url)
    {
        using var http = new HttpClient { Timeout = TimeSpan.FromSeconds(10) };
        try
        {
            using var answer = await http.GetAsync(new Uri(url));
            return answer.IsSuccessStatusCode;
        }
        catch (Exception nobody) when (nobody is HttpRequestException or TaskCanceledException)
        {
            return false;
        }
    }

    private async Task Start()
    {
        // behind those of infra, and below those that the kernel hands out
        basePort = int.Parse(TestWorld.Variable("ACCESSPLANE_PORT_BASE"), CultureInfo.InvariantCulture) + 20;
        Broker = new BrokerHost(name);
        var server = new NpgsqlConnectionStringBuilder(TestWorld.Orders);
        ToBroker = new Link(Port(5), new IPEndPoint(IPAddress.Loopback, Broker.Address.Port));
        ToOrders = new Link(Port(6), new IPEndPoint(IPAddress.Loopback, server.Port));
        await OnServer(TestWorld.Log, $"CREATE DATABASE {name}");
        await OnServer(TestWorld.Orders, $"CREATE DATABASE {name} OWNER accessplane_agent");
        await OnServer(Database, "CREATE TABLE done (n bigint PRIMARY KEY)");
        Log = new NpgsqlConnectionStringBuilder(TestWorld.Log) { Database = name, Pooling = false }.ConnectionString;
        await Broker.Create();
        Directory.CreateDirectory($"{TestWorld.State}/{name}");
        Planes = [new Plane(this, 0), new Plane(this, 1)];
        await Plane.Start();
        await Publish();
        await StartAgent(server.Port);
    }

    /// <summary>The policy that all these tests begin with.</summary>
    /// <param name="change">What is otherwise, in its text.</param>
    internal Task Publish(Func<string, string>? change = null) =>
        Plane.Api.PublishPolicy((change ?? (text => text))(Policy).Replace("ISSUER", TestWorld.Variable("ACCESSPLANE_TEST_OIDC"), StringComparison.Ordinal));

    private async Task StartAgent(int serverPort)
    {
        var folder = $"{TestWorld.State}/{name}";
        var invitation = (await Plane.Api.Post("admin", "/v1/agents", new { id = AgentId, resources = (string[])["orders", "payroll"] })).Is(201);
        await File.WriteAllTextAsync($"{folder}/password", TestWorld.Variable("ACCESSPLANE_TEST_ORDERS_AGENT_PASSWORD"));
        object Listener(string resource, int port, int upstream) => new
        {
            protocol = "postgresql",
            resource,
            address = "127.0.0.1",
            port,
            upstream = new { host = "127.0.0.1", port = upstream, user = "accessplane_agent", passwordFile = $"{folder}/password", tls = "disable" },
        };
        await File.WriteAllTextAsync($"{folder}/agent.json", JsonSerializer.Serialize(new
        {
            id = AgentId,
            controlPlane = Plane.Address,
            state = $"{folder}/agent",
            health = $"http://127.0.0.1:{Port(4)}",
            listeners = new[] { Listener("orders", Port(2), Port(6)), Listener("payroll", Port(3), serverPort) },
        }));
        agent = new Daemon("faults-agent", TestWorld.Program("agent", "Agent"), [$"{folder}/agent.json"],
            new Dictionary<string, string> { ["ACCESSPLANE_ENROLMENT_TOKEN"] = invitation.Text("token"), ["HOME"] = folder });
        agent.Start();
        await AgentReady();
    }

    /// <summary>The control plane's order that ends a grant, as it would send it after others that did not arrive.</summary>
    internal string EndOf(Guid grant)
    {
        using var keys = new SigningKeys($"{TestWorld.State}/{name}");
        var order = new Directive(
            AgentId, 1, int.MaxValue, int.MaxValue - 1, DirectiveKinds.GrantEnded, JsonSerializer.Serialize(new GrantEnd(grant, "revoked", "the grant was revoked"), Json.Options),
            DateTimeOffset.UnixEpoch, "");
        return JsonSerializer.Serialize(
            new { messageId = Guid.CreateVersion7(), messageType = (string[])["urn:message:AccessPlane.Contracts.Messages:Directive"], message = keys.Sign(order) }, Json.Options);
    }

    internal static async Task OnServer(string server, string sql)
    {
        await using var database = new NpgsqlConnection(new NpgsqlConnectionStringBuilder(server) { Pooling = false }.ConnectionString);
        await database.OpenAsync();
        await using var command = new NpgsqlCommand(sql, database);
        await command.ExecuteNonQueryAsync();
    }
}

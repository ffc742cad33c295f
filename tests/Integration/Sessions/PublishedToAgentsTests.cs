using System.Diagnostics;
using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using AccessPlane.Contracts.Events;
using AccessPlane.Contracts.Policy;
using AccessPlane.Tests.Integration.Agents;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;
using Xunit;
using EventLog = AccessPlane.ControlPlane.EventStore.EventLog;

namespace AccessPlane.Tests.Integration.Sessions;

/// <summary>A policy on its way from the API to the sessions of two whole agents, and what its detectors find on its way back into the log.</summary>
public sealed class PublishedToAgentsTests : IAsyncLifetime
{
    private const string Rules = """

        guardrails:
          - { id: no-secrets, resource: orders, match: { functions: ['pg_catalog.version'] }, effect: deny }
        masks:
          - { id: pii, resource: orders, detect: [email, payment-card], with: redact }
        """;

    /// <summary>Promised is a second: this is for a machine that does many other things.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private readonly List<LiveAgent> agents = [];
    private ControlPlaneHost host = null!;
    private string policy = "";

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        host = await ControlPlaneHost.Start();
        string[] databases = [LiveAgent.NewDatabase(), LiveAgent.NewDatabase()];
        policy = SharedControlPlane.Policy.Replace("databases: [orders]", $"databases: [{string.Join(", ", databases)}]", StringComparison.Ordinal);
        await host.Publish(policy);
        foreach (var database in databases)
        {
            agents.Add(await LiveAgent.Start(host, $"orders-{Guid.CreateVersion7():N}"[..30], database));
        }
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var agent in agents)
        {
            await agent.DisposeAsync();
        }
        await host.DisposeAsync();
    }

    private async Task<JsonElement> Post(string path, object? body = null)
    {
        using var client = host.Client("engineer", "engineering");
        using var answer = await client.PostAsJsonAsync(path, body ?? new { }, Cancel);
        var said = await answer.Content.ReadFromJsonAsync<JsonElement>(Cancel);
        Assert.True(answer.StatusCode is HttpStatusCode.OK or HttpStatusCode.Created, said.ToString());
        return said;
    }

    private async Task<NpgsqlConnection> Connect(LiveAgent agent)
    {
        var grant = (await host.Get($"/v1/requests/{await host.Ask("engineer", "orders-read")}")).GetProperty("grantId").GetGuid();
        await Post($"/v1/grants/{grant}/activate");
        JsonElement ticket;
        do
        {
            ticket = await Post($"/v1/grants/{grant}/tickets", new { database = agent.Database });
        }
        while (ticket.GetProperty("port").GetInt32() != agent.Port); // any agent of the resource may be meant
        var connection = new NpgsqlConnection(
            $"Host=127.0.0.1;Port={agent.Port};Username={ticket.GetProperty("username")};Password={ticket.GetProperty("password")};Database={agent.Database};" +
            "SSL Mode=Disable;Pooling=false;Server Compatibility Mode=NoTypeLoading");
        await connection.OpenAsync(Cancel);
        return connection;
    }

    private static async Task<object?> Run(NpgsqlConnection session, string sql)
    {
        await using var command = new NpgsqlCommand(sql, session);
        return await command.ExecuteScalarAsync(Cancel);
    }

    private static async Task<bool> IsDenied(NpgsqlConnection session)
    {
        try
        {
            await Run(session, "select version()");
            return false;
        }
        catch (PostgresException denied) when (denied.SqlState == "42501")
        {
            Assert.Contains("no-secrets", denied.MessageText, StringComparison.Ordinal);
            return true;
        }
    }

    [Fact]
    public async Task Live_sessions_of_two_agents_are_under_a_new_policy_within_a_second_and_what_its_detectors_find_is_an_event_in_the_log()
    {
        await using (var direct = new NpgsqlConnection(new NpgsqlConnectionStringBuilder(Servers.Need("ACCESSPLANE_TEST_ORDERS")) { Database = agents[0].Database, Pooling = false }.ConnectionString))
        {
            await direct.OpenAsync(Cancel);
            await Run(direct, "create table known (a int)");
        }
        await using var one = await Connect(agents[0]);
        await using var other = await Connect(agents[1]);
        Assert.Equal((false, false), (await IsDenied(one), await IsDenied(other)));
        var took = Stopwatch.StartNew();
        await host.Publish(policy + Rules);
        while (!(await IsDenied(one) && await IsDenied(other)))
        {
            Assert.True(took.Elapsed < Patience, "a policy that was published is not in force at both agents");
        }

        foreach (var session in (NpgsqlConnection[])[one, other])
        {
            Assert.Equal("write to ***********", await Run(session, "select 'write to a@b.example' as note, '4111111111111111' as card union all select 'nothing', '4111111111111111'"));
        }
        foreach (var agent in agents)
        {
            var found = await Hits(agent);
            Assert.Equal(
                [("pii", Detector.PaymentCard, "card", 2L), ("pii", Detector.Email, "note", 1L)],
                found.Select(h => (h.Rule, h.Detector, h.Column, h.Count)).Order());
        }

        // what the agents have seen meanwhile tells the policy's author of a slip of the pen
        const string slip = "  - { id: slip, resource: orders, match: { relations: [public.known, public.unknown], columns: [known.a, known.b] }, effect: flag }";
        var warned = await Warnings($"{policy}\nguardrails:\n{slip}\n");
        Assert.Equal(["guardrails[0].match.relations[1]", "guardrails[0].match.columns[1]"], warned);
    }

    /// <summary>Where a document's author is warned of names, as soon as both databases are known.</summary>
    private async Task<List<string>> Warnings(string document)
    {
        var patience = Stopwatch.StartNew();
        using var admin = host.Client("admin", "admins");
        while (true)
        {
            using var content = new StringContent(document, System.Text.Encoding.UTF8, "application/yaml");
            using var answer = await admin.PostAsync(new Uri("/v1/policies/validate", UriKind.Relative), content, Cancel);
            var check = await answer.Content.ReadFromJsonAsync<JsonElement>(Cancel);
            Assert.True(check.GetProperty("valid").GetBoolean(), check.ToString());
            var warned = check.GetProperty("problems").EnumerateArray().Where(p => p.GetProperty("message").GetString()!.Contains("agents have seen", StringComparison.Ordinal))
                .Select(p => p.GetProperty("path").GetString()!).ToList();
            if (warned.Count == 2)
            {
                return warned;
            }
            Assert.True(patience.Elapsed < TimeSpan.FromSeconds(90), $"the agents' catalogs are not known: {check}");
            await Task.Delay(50, Cancel);
        }
    }

    /// <summary>What the log holds of the agent's one session.</summary>
    private async Task<List<DetectorHit>> Hits(LiveAgent agent)
    {
        var log = host.Services.GetRequiredService<EventLog>();
        var patience = Stopwatch.StartNew();
        while (true)
        {
            var sessions = (await host.Get("/v1/sessions?limit=200")).GetProperty("items").EnumerateArray().Where(s => s.GetProperty("database").GetString() == agent.Database).ToList();
            var hits = sessions.Count == 0 ? [] : (await log.ReadStream(sessions[0].GetProperty("id").GetGuid(), Cancel)).Select(s => s.Event).OfType<DetectorHit>().ToList();
            if (hits.Count >= 2)
            {
                return hits;
            }
            Assert.True(patience.Elapsed < TimeSpan.FromSeconds(90), "what the detectors found never came");
            await Task.Delay(50, Cancel);
        }
    }
}

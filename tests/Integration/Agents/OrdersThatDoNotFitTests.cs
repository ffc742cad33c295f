using System.Diagnostics;
using System.Net.Http.Json;
using System.Text.Json;
using AccessPlane.Agent;
using AccessPlane.ControlPlane.Agents;
using AccessPlane.ControlPlane.Broker;
using AccessPlane.Tests.Integration.Wire;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;
using RabbitMQ.Client;
using Xunit;

namespace AccessPlane.Tests.Integration.Agents;

/// <summary>A real agent at a real broker: its queue is taken away from under it, or brings an order of a version to come.</summary>
public sealed class OrdersThatDoNotFitTests : IAsyncLifetime
{
    private readonly string database = LiveAgent.NewDatabase();
    private ControlPlaneHost plane = null!;
    private LiveAgent agent = null!;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;
    private string Id => $"live-{database[5..]}";

    public async ValueTask InitializeAsync()
    {
        plane = await ControlPlaneHost.Start();
        await plane.Publish($$"""
            resources:
              - { id: orders, kind: postgresql, freeze-after: 5s }
            entitlements:
              - id: read
                resource: orders
                who: { groups: [engineering] }
                scope: { databases: [{{database}}] }
                max-duration: 8h
                approval: { auto: true }
            """);
        agent = await LiveAgent.Start(plane, Id, database);
    }

    public async ValueTask DisposeAsync()
    {
        await agent.DisposeAsync();
        await plane.DisposeAsync();
    }

    private async Task<(Guid Grant, NpgsqlConnection Session)> Open()
    {
        var grant = (await plane.Get($"/v1/requests/{await plane.Ask("engineer", "read")}")).GetProperty("grantId").GetGuid();
        using var client = plane.Client("engineer", "engineering");
        JsonElement at = default;
        await WireAgent.Until(async () =>
        {
            using var answer = await client.PostAsJsonAsync($"/v1/grants/{grant}/tickets", new { database }, Cancel);
            at = await answer.Content.ReadFromJsonAsync<JsonElement>(Cancel);
            return (int)answer.StatusCode == 201;
        });
        return (grant, await Enter(at));
    }

    private async Task<NpgsqlConnection> Enter(JsonElement at)
    {
        var session = new NpgsqlConnection(
            $"Host=127.0.0.1;Port={at.GetProperty("port").GetInt32()};Username={at.GetProperty("username").GetString()};Password={at.GetProperty("password").GetString()};" +
            $"Database={database};SSL Mode=Disable;Pooling=false;No Reset On Close=true;Timeout=60;Command Timeout=60;Cancellation Timeout=-1");
        await session.OpenAsync(Cancel);
        return session;
    }

    private static async Task<object?> Run(NpgsqlConnection session, int seconds = 60)
    {
        await using var command = new NpgsqlCommand("select 1", session) { CommandTimeout = seconds };
        return await command.ExecuteScalarAsync(Cancel);
    }

    /// <summary>What is sent to a queue that there is not is lost, and nobody is told: a lease names the position of what its agent should have.</summary>
    [Fact]
    public async Task An_order_that_is_lost_with_the_agents_queue_is_noticed_by_the_lease_and_made_up_for()
    {
        var (grant, session) = await Open();
        await using var ended = session;
        var (_, other) = await Open();
        await using var stays = other;
        using (var broker = Servers.RabbitManagement())
        {
            var host = new Uri(plane.Broker).AbsolutePath.TrimStart('/');
            // nothing that is sent from now on arrives, until the agent has made its queue anew
            (await broker.DeleteAsync(new Uri($"api/queues/{host}/{Topology.AgentQueue(Id)}", UriKind.Relative), Cancel)).EnsureSuccessStatusCode();
        }
        var took = Stopwatch.StartNew();
        using (var admin = plane.Client("admin", "admins"))
        {
            using var revoked = await admin.PostAsJsonAsync($"/v1/grants/{grant}/revoke", new { reason = "a test" }, Cancel);
            Assert.True(revoked.IsSuccessStatusCode, await revoked.Content.ReadAsStringAsync(Cancel));
        }
        await Assert.ThrowsAnyAsync<NpgsqlException>(async () =>
        {
            while (took.Elapsed < TimeSpan.FromSeconds(60))
            {
                await Run(session);
            }
        });
        var cut = took.Elapsed;
        Assert.Equal(1, await Run(other));
        await WireAgent.Until(() => Task.FromResult(agent.WhyNotReady is null));
        FaultReport.Saw($"the queue was deleted and a revocation sent: its session was cut {cut.TotalSeconds:0.0} s after the call, 1 other session went on, and the agent was ready again after {took.Elapsed.TotalSeconds:0.0} s");
    }

    /// <summary>An agent's broker user makes the agent's queue, and so can make it one that takes nothing: that is its own affair.</summary>
    [Fact]
    public async Task A_queue_that_refuses_every_order_keeps_no_other_agent_from_being_told()
    {
        using var state = new StateFolder();
        var taken = $"taken-{database[5..]}";
        var nowhere = new UpstreamConfig("127.0.0.1", 1, "nobody", state.File("password"), UpstreamTls.Disable);
        var (_, identity) = await LiveAgent.Enrolled(plane, taken, state, new ListenerConfig("postgresql", "orders", "127.0.0.1", 1, nowhere));
        using var _1 = identity;
        var user = identity.Enrolment;
        var at = new UriBuilder(plane.Broker) { UserName = Uri.EscapeDataString(user.BrokerUser), Password = Uri.EscapeDataString(user.BrokerPassword) }.Uri;
        await using var broker = await new ConnectionFactory { Uri = at }.CreateConnectionAsync(Cancel);
        await using var channel = await broker.CreateChannelAsync(cancellationToken: Cancel);
        var queue = Topology.AgentQueue(taken);
        await channel.QueueDeleteAsync(queue, cancellationToken: Cancel);
        await channel.QueueDeclareAsync(queue, durable: true, exclusive: false, autoDelete: false,
            new Dictionary<string, object?> { ["x-queue-type"] = "quorum", ["x-max-length"] = 0, ["x-overflow"] = "reject-publish" }, cancellationToken: Cancel);
        await channel.QueueBindAsync(queue, queue, "", cancellationToken: Cancel);
        var slowest = TimeSpan.Zero;
        for (var i = 0; i < 5; i++)
        {
            var (grant, session) = await Open();
            await using var ended = session;
            var took = Stopwatch.StartNew();
            using var admin = plane.Client("admin", "admins");
            using var revoked = await admin.PostAsJsonAsync($"/v1/grants/{grant}/revoke", new { reason = "a test" }, Cancel);
            Assert.True(revoked.IsSuccessStatusCode, await revoked.Content.ReadAsStringAsync(Cancel));
            await Assert.ThrowsAnyAsync<NpgsqlException>(async () =>
            {
                while (took.Elapsed < TimeSpan.FromSeconds(60))
                {
                    await Run(session);
                }
            });
            slowest = took.Elapsed > slowest ? took.Elapsed : slowest;
            Assert.Null(agent.WhyNotReady);
        }
        Assert.InRange(slowest, TimeSpan.Zero, TimeSpan.FromSeconds(15));
        FaultReport.Saw($"one agent's queue refused everything: 5 sessions at another agent were cut, the last {slowest.TotalSeconds:0.0} s after the call, and that agent stayed ready");
    }

    [Fact]
    public async Task An_order_of_a_kind_that_it_does_not_know_freezes_every_session_and_lets_nobody_in()
    {
        var (_, session) = await Open();
        await using var open = session;
        var line = plane.Services.GetRequiredService<AgentLine>();
        var head = (await plane.Services.GetRequiredService<AgentStateBuilder>().Current(Cancel)).Position;
        await line.Send(Id, head + 1, head, "shut-the-water-off", new { everywhere = true }, Cancel);
        await WireAgent.Until(() => Task.FromResult(agent.WhyNotReady is not null));
        Assert.Contains("the order `shut-the-water-off` is not known to this version of the agent", agent.WhyNotReady, StringComparison.Ordinal);
        using var client = plane.Client("engineer", "engineering");
        var grant = (await plane.Get($"/v1/requests/{await plane.Ask("engineer", "read")}")).GetProperty("grantId").GetGuid();
        using var ticket = await client.PostAsJsonAsync($"/v1/grants/{grant}/tickets", new { database }, Cancel);
        if ((int)ticket.StatusCode == 201)
        {
            var at = await ticket.Content.ReadFromJsonAsync<JsonElement>(Cancel);
            await Assert.ThrowsAnyAsync<NpgsqlException>(() => Enter(at));
        }
        await Assert.ThrowsAnyAsync<NpgsqlException>(() => Run(session, seconds: 2)); // no answer, until its client has waited enough
        FaultReport.Saw($"1 session stood still and 1 new one was not let in; the agent says `{agent.WhyNotReady}`");
    }
}

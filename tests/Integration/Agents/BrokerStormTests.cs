using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net.Http.Json;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using AccessPlane.Agent.Directives;
using AccessPlane.Contracts;
using AccessPlane.Contracts.Messages;
using AccessPlane.ControlPlane.Broker;
using AccessPlane.Tests.Integration.Wire;
using Microsoft.Extensions.Logging;
using Npgsql;
using RabbitMQ.Client;
using RabbitMQ.Client.Events;
using Xunit;

namespace AccessPlane.Tests.Integration.Agents;

/// <summary>Somebody at the broker who may write to every queue, and writes ten thousand messages: to an agent, and to the control plane.</summary>
public sealed class BrokerStormTests : IAsyncLifetime
{
    private const int Messages = 10_000;
    private const int AtOnce = 100;
    private readonly ECDsa stranger = ECDsa.Create(ECCurve.NamedCurves.nistP256);
    private readonly string database = LiveAgent.NewDatabase();
    private ControlPlaneHost plane = null!;
    private LiveAgent agent = null!;
    private IConnection broker = null!;
    private IChannel channel = null!;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;
    private string Id => $"live-{database[5..]}";

    public async ValueTask InitializeAsync()
    {
        plane = await ControlPlaneHost.Start(quiet => quiet.Logging.ClearProviders()); // what is refused is logged, each with its stack
        await plane.Publish($$"""
            resources:
              - { id: orders, kind: postgresql }
            entitlements:
              - id: read
                resource: orders
                who: { groups: [engineering] }
                scope: { databases: [{{database}}] }
                max-duration: 8h
                approval: { auto: true }
            """);
        agent = await LiveAgent.Start(plane, Id, database);
        broker = await new ConnectionFactory { Uri = new Uri(plane.Broker) }.CreateConnectionAsync(Cancel);
        channel = await broker.CreateChannelAsync(new CreateChannelOptions(publisherConfirmationsEnabled: true, publisherConfirmationTrackingEnabled: true), Cancel);
    }

    public async ValueTask DisposeAsync()
    {
        await channel.DisposeAsync();
        await broker.DisposeAsync();
        await agent.DisposeAsync();
        await plane.DisposeAsync();
        stranger.Dispose();
    }

    private static byte[] Envelope(string type, object message) => JsonSerializer.SerializeToUtf8Bytes(
        new { messageId = Guid.CreateVersion7(), messageType = new[] { $"urn:message:AccessPlane.Contracts.Messages:{type}" }, message }, Json.Options);

    private Directive Forged(string kind, long position, string body = "{}") =>
        new Directive(Id, 1, position, position - 1, kind, body, TimeProvider.System.GetUtcNow(), "").SignWith(stranger);

    private async Task Flood(string queue, byte[][] bodies)
    {
        foreach (var some in Enumerable.Range(0, Messages).Chunk(AtOnce))
        {
            await Task.WhenAll(some.Select(i => channel.BasicPublishAsync(
                "", queue, mandatory: true, new BasicProperties { ContentType = "application/vnd.masstransit+json" }, bodies[i % bodies.Length], Cancel).AsTask()));
        }
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
        var session = new NpgsqlConnection(
            $"Host=127.0.0.1;Port={at.GetProperty("port").GetInt32()};Username={at.GetProperty("username").GetString()};Password={at.GetProperty("password").GetString()};" +
            $"Database={database};SSL Mode=Disable;Pooling=false;No Reset On Close=true");
        await session.OpenAsync(Cancel);
        return (grant, session);
    }

    private static async Task<object?> Ask(NpgsqlConnection session)
    {
        await using var command = new NpgsqlCommand("select 'alive'", session);
        return await command.ExecuteScalarAsync(Cancel);
    }

    private async Task<uint> Waiting(string queue) => (await channel.QueueDeclarePassiveAsync(queue, Cancel)).MessageCount;

    private static async Task Within(int seconds, Func<Task<bool>> holds, string what)
    {
        var patience = Stopwatch.StartNew();
        while (!await holds())
        {
            Assert.True(patience.Elapsed < TimeSpan.FromSeconds(seconds), $"not within {seconds} s: {what}");
            await Task.Delay(20, Cancel);
        }
    }

    [Fact(Explicit = true)]
    public async Task At_an_agent_what_no_control_plane_sent_changes_nothing_is_counted_and_a_genuine_order_behind_it_is_done()
    {
        var heard = await Overhear();
        var (grant, session) = await Open();
        await using var _ = session;
        await WireAgent.Until(() => Task.FromResult(heard.Count > 2));
        using var refused = new Counted("accessplane.directives.refused");
        byte[][] poison =
        [
            [], "not json"u8.ToArray(), Encoding.UTF8.GetBytes(new string('[', 5_000)), """{"messageType":["urn:message:Else:What"],"message":{}}"""u8.ToArray(),
            Envelope("Directive", new { agent = (string?)null }), Envelope("Directive", Forged(DirectiveKinds.GrantEnded, 1_000_000, $$"""{"grant":"{{grant}}","cause":"revoked","why":""}""")),
            Envelope("Directive", Forged("shut-the-water-off", 1_000_001)), Envelope("Directive", Forged(DirectiveKinds.Lease, 1_000_002)), Envelope("Directive", Forged(DirectiveKinds.State, 1_000_003)),
            Envelope("Directive", Forged(DirectiveKinds.GrantEnded, 7) with { Agent = "another" }), .. heard.Take(10), // and what the control plane did send, again
        ];
        var forged = poison.Count(p => Encoding.UTF8.GetString(p).Contains("\"signature\"", StringComparison.Ordinal)) - Math.Min(10, heard.Count);
        await channel.BasicPublishAsync("", Topology.AgentQueue(Id), mandatory: true, new BasicProperties(), new byte[DirectiveSize.Largest + 1], Cancel);
        var began = Stopwatch.StartNew();
        var flood = Flood(Topology.AgentQueue(Id), poison);
        var served = 0;
        while (!flood.IsCompleted)
        {
            Assert.Equal("alive", await Ask(session).WaitAsync(TimeSpan.FromSeconds(90), Cancel)); // frozen for a moment perhaps, behind what is in front of its lease
            served++;
        }
        await flood;
        Assert.True(served > 0);
        await Within(60, async () => await Waiting(Topology.AgentQueue(Id)) == 0 && refused.Of() > Messages / poison.Length * forged, "what was sent is taken");
        var took = began.Elapsed;
        Assert.Equal("alive", await Ask(session));
        var (_, next) = await Open();
        await next.DisposeAsync();

        using var client = plane.Client("engineer", "engineering");
        using var end = await client.PostAsJsonAsync($"/v1/grants/{grant}/surrender", new { }, Cancel);
        Assert.True(end.IsSuccessStatusCode, await end.Content.ReadAsStringAsync(Cancel));
        await Assert.ThrowsAnyAsync<NpgsqlException>(async () =>
        {
            for (var patience = Stopwatch.StartNew(); patience.Elapsed < TimeSpan.FromSeconds(20);)
            {
                await Ask(session);
            }
        });
        FaultReport.Saw($"{Messages} messages in {took.TotalSeconds:0.0} s: {refused.Of()} forged ones counted, a session was served {served} times meanwhile, 1 new one got in afterwards, and the genuine end cut it");
    }

    /// <summary>Half a minute's work for a control plane: infra/faults runs it.</summary>
    [Fact(Explicit = true)]
    public async Task At_the_control_plane_it_lies_aside_is_recorded_once_and_an_agent_behind_it_is_served()
    {
        var (_, session) = await Open();
        await using var opened = session;
        await using var bad = await EnrolledAgent.Enrol(plane, $"bad-{database[5..]}", "orders");
        using var refused = new Counted("accessplane.reports.refused");
        var at = TimeProvider.System.GetUtcNow();
        Report Of(string agent, ECDsa key, string kind, string body) => new Report(agent, Guid.CreateVersion7(), kind, body, at.AddTicks(-(at.Ticks % TimeSpan.TicksPerMicrosecond)), "").SignWith(key);
        byte[][] poison =
        [
            "not json"u8.ToArray(), """{"messageType":["urn:message:Else:What"],"message":{}}"""u8.ToArray(), Envelope("Report", new { agent = (string?)null }),
            Envelope("Report", Of(Id, stranger, ReportKinds.LeaseAsk, "{}")), Envelope("Report", Of("nobody", stranger, ReportKinds.LeaseAsk, "{}")),
            Envelope("Report", Of(Id, bad.Key, ReportKinds.EvidenceGap, "{}")), Envelope("Report", Of(bad.Id, bad.Key, "shut-the-water-off", "{}")),
            Envelope("Report", Of(bad.Id, bad.Key, ReportKinds.SegmentSealed, "{}")), Envelope("Report", Of(bad.Id, bad.Key, ReportKinds.Revoked, $$"""{"grant":"{{Guid.CreateVersion7()}}","sessions":1,"cut":"PT0S"}""")),
        ];
        var began = Stopwatch.StartNew();
        var flood = Flood(Topology.Reports, poison);
        while (!flood.IsCompleted)
        {
            Assert.Equal("alive", await Ask(session).WaitAsync(TimeSpan.FromSeconds(90), Cancel));
        }
        await flood;
        await Within(150, async () => await Waiting(Topology.Reports) == 0, "what was sent is taken"); // all agents speak through one queue: what is behind waits
        var took = began.Elapsed;
        await bad.IsHeard();
        Assert.Equal("alive", await Ask(session));
        var (_, next) = await Open();
        await next.DisposeAsync();
        Assert.InRange(refused.Of(), Messages / poison.Length * 5, long.MaxValue); // three forged, two of its own that nobody can use
        Assert.InRange(await Waiting($"{Topology.Reports}_error"), (uint)(Messages / poison.Length * 2), (uint)Messages);
        var findings = (await plane.Get($"/v1/audit/events?stream={Ids.Agent(bad.Id)}&limit=100")).GetProperty("items").EnumerateArray()
            .Count(e => e.GetProperty("type").GetString() == "evidence_gap_found");
        Assert.InRange(findings, 1, 4); // two kinds, in one hour or two
        FaultReport.Saw($"{Messages} messages in {took.TotalSeconds:0.0} s: {refused.Of()} refused, {await Waiting($"{Topology.Reports}_error")} lie aside, {findings} findings; the session inside was served all the time, an agent and a client behind it were");
    }

    /// <summary>What the control plane sends to the agent from here on, as it came over the broker.</summary>
    private async Task<ConcurrentQueue<byte[]>> Overhear()
    {
        var heard = new ConcurrentQueue<byte[]>();
        var queue = (await channel.QueueDeclareAsync(cancellationToken: Cancel)).QueueName;
        await channel.QueueBindAsync(queue, Topology.AgentQueue(Id), "", cancellationToken: Cancel);
        var consumer = new AsyncEventingBasicConsumer(channel);
        consumer.ReceivedAsync += (_, delivery) =>
        {
            heard.Enqueue(delivery.Body.ToArray());
            return Task.CompletedTask;
        };
        await channel.BasicConsumeAsync(queue, autoAck: true, consumer, Cancel);
        return heard;
    }
}

using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net.Http.Json;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using AccessPlane.Contracts;
using AccessPlane.Contracts.Events;
using AccessPlane.Contracts.Messages;
using RabbitMQ.Client;
using RabbitMQ.Client.Events;
using Xunit;

namespace AccessPlane.Tests.Integration.Agents;

/// <summary>
/// An agent that enrolled as any agent does, with its own key and its own broker user, and sends whatever a test has it send: what an intruder in
/// the agent's place can do.
/// </summary>
internal sealed class EnrolledAgent : IAsyncDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(90);
    private static readonly TimeSpan AskAgain = TimeSpan.FromSeconds(5);
    private readonly BlockingCollection<Directive> directives = [];
    private readonly IConnection connection;
    private readonly IChannel channel;

    private EnrolledAgent(string id, ECDsa key, IConnection connection, IChannel channel) =>
        (Id, Key, this.connection, this.channel) = (id, key, connection, channel);

    public string Id { get; }
    public ECDsa Key { get; }
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public static async Task<EnrolledAgent> Enrol(ControlPlaneHost host, string id, params string[] resources)
    {
        using var admin = host.Client("admin", "admins");
        using var invited = await admin.PostAsJsonAsync("/v1/agents", new { id, resources }, Cancel);
        var token = (await invited.Content.ReadFromJsonAsync<JsonElement>(Cancel)).GetProperty("token").GetString()!;
        var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var ask = new EnrolmentAsk(token, Convert.ToBase64String(key.ExportSubjectPublicKeyInfo()), [.. resources.Select(r => new AgentEndpoint(r, "127.0.0.1", 6432))]);
        using var anyone = host.Client();
        using var answer = await anyone.PostAsJsonAsync($"/v1/agents/{id}/enrol", ask, Json.Options, Cancel);
        Assert.True(answer.IsSuccessStatusCode, await answer.Content.ReadAsStringAsync(Cancel));
        var enrolment = (await answer.Content.ReadFromJsonAsync<Enrolment>(Json.Options, Cancel))!;
        var address = new UriBuilder(enrolment.BrokerUri) { UserName = enrolment.BrokerUser, Password = enrolment.BrokerPassword };
        var connection = await new ConnectionFactory { Uri = address.Uri }.CreateConnectionAsync(Cancel);
        var agent = new EnrolledAgent(id, key, connection, await connection.CreateChannelAsync(new CreateChannelOptions(true, true), Cancel));
        await agent.Listen(host.Secrets);
        return agent;
    }

    /// <summary>Signs and sends a report.</summary>
    /// <param name="body">JSON, or an object that becomes it.</param>
    /// <param name="with">Another key than its first.</param>
    public Task Send(string kind, object body, DateTimeOffset? at = null, string? inTheNameOf = null, ECDsa? with = null)
    {
        var now = at ?? TimeProvider.System.GetUtcNow();
        var text = body as string ?? JsonSerializer.Serialize(body, body.GetType(), Json.Options);
        return Publish(Envelope(new Report(inTheNameOf ?? Id, Guid.CreateVersion7(), kind, text, now.AddTicks(-(now.Ticks % TimeSpan.TicksPerMicrosecond)), "").SignWith(with ?? Key)));
    }

    /// <summary>Any bytes to the agent's own exchange; returns when the broker confirmed them.</summary>
    public async Task Publish(byte[] bytes) => await channel.BasicPublishAsync(
        $"accessplane.agent.{Id}.reports", "", mandatory: true, new BasicProperties { ContentType = "application/vnd.masstransit+json", Persistent = true }, bytes, Cancel);

    public static byte[] Envelope(Report report) => JsonSerializer.SerializeToUtf8Bytes(
        new { messageId = Guid.CreateVersion7(), messageType = new[] { "urn:message:AccessPlane.Contracts.Messages:Report" }, message = report }, Json.Options);

    /// <summary>The next directive of a kind, within the patience of a test.</summary>
    public T Next<T>(string kind) => JsonSerializer.Deserialize<T>(NextDirective(kind).Body, Json.Options)!;

    public Directive NextDirective(string kind)
    {
        while (directives.TryTake(out var directive, Patience))
        {
            if (directive.Kind == kind)
            {
                return directive;
            }
        }
        throw new TimeoutException($"no `{kind}` came");
    }

    /// <summary>Asks for a sign of life and gets it: whatever was sent before did not stop the control plane.</summary>
    public async Task IsHeard()
    {
        var patience = Stopwatch.StartNew();
        var asked = new HashSet<Guid>();
        do
        {
            // who is not answered in time asks anew, as an agent does
            var nonce = Guid.CreateVersion7();
            asked.Add(nonce);
            await Send(ReportKinds.LeaseAsk, new LeaseAsk(nonce, 0));
            while (directives.TryTake(out var directive, AskAgain))
            {
                if (directive.Kind == DirectiveKinds.Lease)
                {
                    Assert.Contains(JsonSerializer.Deserialize<LeaseAnswer>(directive.Body, Json.Options)!.Nonce, asked);
                    return;
                }
            }
        }
        while (patience.Elapsed < Patience);
        throw new TimeoutException("no sign of life came");
    }

    public async ValueTask DisposeAsync()
    {
        await channel.DisposeAsync();
        await connection.DisposeAsync();
        using var broker = Servers.RabbitManagement();
        (await broker.DeleteAsync(new Uri($"api/users/agent-{Id}", UriKind.Relative))).Dispose();
        Key.Dispose();
        directives.Dispose();
    }

    private async Task Listen(HostSecrets secrets)
    {
        var consumer = new AsyncEventingBasicConsumer(channel);
        consumer.ReceivedAsync += (_, delivery) =>
        {
            var text = Encoding.UTF8.GetString(delivery.Body.Span);
            secrets.Sweep.Hears("what an agent was told", text);
            using var envelope = JsonDocument.Parse(text);
            directives.Add(envelope.RootElement.GetProperty("message").Deserialize<Directive>(Json.Options)!);
            return Task.CompletedTask;
        };
        await channel.BasicConsumeAsync($"accessplane.agent.{Id}", autoAck: true, consumer, Cancel);
    }
}

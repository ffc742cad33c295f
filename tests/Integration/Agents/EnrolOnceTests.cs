using System.Net.Http.Json;
using System.Security.Cryptography;
using System.Text.Json;
using AccessPlane.Contracts;
using AccessPlane.Contracts.Events;
using AccessPlane.Contracts.Messages;
using AccessPlane.ControlPlane.Broker;
using AccessPlane.ControlPlane.EventStore;
using Microsoft.Extensions.DependencyInjection;
using RabbitMQ.Client;
using Xunit;

namespace AccessPlane.Tests.Integration.Agents;

/// <summary>The one-time token with which an agent enrols, shown more than once: by the agent again, or by whoever has seen it.</summary>
public sealed class EnrolOnceTests(SharedControlPlane plane) : IClassFixture<SharedControlPlane>, IAsyncLifetime
{
    private readonly ControlPlaneHost host = plane.Host;

    /// <summary>Users of the broker are not its virtual host's alone.</summary>
    private readonly string id = $"once-{Guid.CreateVersion7():N}"[..30];

    private sealed record Answer(int Status, JsonElement Body, string PublicKey)
    {
        public string Code => Body.TryGetProperty("code", out var code) ? $"{Status} {code.GetString()}" : $"{Status}";

        public string Of(string member) => Body.GetProperty(member).GetString()!;
    }

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public ValueTask InitializeAsync() => ValueTask.CompletedTask;

    public async ValueTask DisposeAsync()
    {
        using var broker = Servers.RabbitManagement();
        (await broker.DeleteAsync(new Uri($"api/users/agent-{id}", UriKind.Relative))).Dispose();
    }

    private async Task<string> Invited() =>
        (await host.Send(HttpMethod.Post, "/v1/agents", "admin", "admins", new { id, resources = new[] { "orders" } })).Body.GetProperty("token").GetString()!;

    /// <summary>With a key that nobody has used before. Who is told to try again does.</summary>
    private async Task<Answer> Enrol(string token, string? agent = null)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var ask = new EnrolmentAsk(token, Convert.ToBase64String(key.ExportSubjectPublicKeyInfo()), [new AgentEndpoint("orders", "127.0.0.1", 6432)]);
        using var anyone = host.Client();
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(Cancel);
        patience.CancelAfter(TimeSpan.FromSeconds(90));
        while (true)
        {
            using var answer = await anyone.PostAsJsonAsync($"/v1/agents/{agent ?? id}/enrol", ask, Json.Options, patience.Token);
            if ((int)answer.StatusCode != 503)
            {
                return new Answer((int)answer.StatusCode, await answer.Content.ReadFromJsonAsync<JsonElement>(patience.Token), ask.PublicKey);
            }
            await Task.Delay(50, patience.Token);
        }
    }

    /// <summary>What was given opens the broker, and there the agent's own queue.</summary>
    private async Task Opens(Answer given)
    {
        var address = new UriBuilder(given.Of("brokerUri")) { UserName = given.Of("brokerUser"), Password = given.Of("brokerPassword") };
        await using var connection = await new ConnectionFactory { Uri = address.Uri }.CreateConnectionAsync(Cancel);
        await using var channel = await connection.CreateChannelAsync(cancellationToken: Cancel);
        await channel.BasicGetAsync(Topology.AgentQueue(id), autoAck: false, Cancel);
    }

    private async Task<List<string>> KeysInTheLog() =>
        [.. (await host.Services.GetRequiredService<EventLog>().ReadStream(Ids.Agent(id), Cancel)).Select(s => s.Event).OfType<AgentEnrolled>().Select(e => e.PublicKey)];

    private async Task<int> UsersAtTheBroker()
    {
        using var broker = Servers.RabbitManagement();
        var users = await broker.GetFromJsonAsync<JsonElement>("api/users", Cancel);
        return users.EnumerateArray().Count(u => u.GetProperty("name").GetString()!.Contains(id, StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_token_that_was_used_is_refused_in_the_words_for_one_that_never_was_and_who_used_it_stays()
    {
        var token = await Invited();
        var first = await Enrol(token);
        Assert.Equal((200, $"agent-{id}"), (first.Status, first.Of("brokerUser")));
        var again = await Enrol(token);
        var (unknown, elsewhere) = (await Enrol("e_" + new string('0', 64)), await Enrol(token, "nobody"));
        Assert.All([again, unknown, elsewhere], refused =>
        {
            Assert.Equal("403 enrolment-refused", refused.Code);
            Assert.Equal(("urn:accessplane:problem:enrolment-refused", "Not allowed"), (refused.Of("type"), refused.Of("title")));
            Assert.Equal(again.Of("detail"), refused.Of("detail"));
            Assert.False(refused.Body.TryGetProperty("brokerPassword", out _));
        });
        await Opens(first);
        Assert.Equal([first.PublicKey], await KeysInTheLog());
        Assert.Equal(1, await UsersAtTheBroker());
    }

    [Fact]
    public async Task Of_ten_who_show_one_token_at_once_one_is_enrolled()
    {
        var token = await Invited();
        var answers = await Task.WhenAll(Enumerable.Range(0, 10).Select(_ => Enrol(token)));
        var first = Assert.Single(answers, a => a.Status == 200);
        Assert.All(answers.Where(a => a != first), a => Assert.Equal("403 enrolment-refused", a.Code));
        await Opens(first);
        Assert.Equal([first.PublicKey], await KeysInTheLog());
        Assert.Equal(1, await UsersAtTheBroker());
        FaultReport.Saw($"one enrolment token shown 10 times at once: {answers.Count(a => a.Status == 200)} enrolled, {answers.Count(a => a.Status == 403)} refused, and its password opens the broker");
    }
}

using System.Globalization;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Npgsql;
using Xunit;

namespace AccessPlane.Tests.Integration.Integrations;

/// <summary>A bot's messages, which change when something is decided elsewhere.</summary>
public sealed class SlackBotTests : IAsyncLifetime
{
    private const string Token = "xoxb-a-token-of-a-bot";
    private readonly SecretFolder folder = new();
    private ControlPlaneHost first = null!;
    private Receiver slack = null!;
    private string[] settings = [];
    private int said;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    /// <summary>In the place of Slack's answer to a call.</summary>
    private Func<string, string?> Otherwise { get; set; } = _ => null;

    public async ValueTask InitializeAsync()
    {
        slack = await Receiver.Start();
        slack.Answer = async (http, received) =>
        {
            var number = Interlocked.Increment(ref said).ToString("D6", CultureInfo.InvariantCulture);
            await http.Response.WriteAsync(Otherwise(received.Path) ?? $$"""{ "channel": "C024BE91L", "ts": "1405894322.{{number}}", "ok": true }""", Cancel);
        };
        first = await ControlPlaneHost.Start();
        await first.Publish(SharedControlPlane.Policy + "\ndirectory: { groups: { dba: ['ISSUER|dba', 'ISSUER|dba2'] } }\n");
        await first.Stop();
        settings = SecretFolder.Destination(
            "chat", "Kind=slack", "Team=T0", "Channel=C024BE91L", $"Url={slack.Address}api/", $"TokenFile={folder.Write("token", Token)}",
            $"SigningSecretFile={folder.Write("signing", "8f742231b10e8888abcd99yyyzzz85a5")}", $"People:U1:Issuer={first.Issuer.Address}", "People:U1:Subject=dba");
    }

    public async ValueTask DisposeAsync()
    {
        await first.DisposeAsync();
        await slack.DisposeAsync();
        folder.Dispose();
    }

    private async Task<ControlPlaneHost> Start()
    {
        var host = await ControlPlaneHost.Start(loud => loud.Logging.ClearProviders().SetMinimumLevel(LogLevel.Debug), like: first, settings: settings);
        host.Secrets.Sweep.Knows("the token of a bot", Token);
        await SecretFolder.Begun(host, settings);
        return host;
    }

    private List<Received> Of(string method) => [.. slack.All.Where(r => r.Path == $"/api/{method}")];

    private static IEnumerable<string> Buttons(Received message) => message.Json.GetProperty("blocks").EnumerateArray()
        .Where(b => b.GetProperty("type").GetString() == "actions").SelectMany(b => b.GetProperty("elements").EnumerateArray()).Select(e => e.GetProperty("action_id").GetString()!);

    private static async Task Deny(ControlPlaneHost host, Guid request) =>
        Assert.Equal(200, (await host.Send(HttpMethod.Post, $"/v1/requests/{request}/reviews", "dba2", "dba", new { verdict = "deny", comment = "not today" })).Status);

    [Fact]
    public async Task What_is_decided_elsewhere_takes_the_buttons_off_the_message_also_over_a_restart()
    {
        Guid request;
        await using (var host = await Start())
        {
            request = await host.Ask("engineer", "orders-write");
            await Receiver.Until(() => Of("chat.postMessage").Count == 1);
            var posted = Of("chat.postMessage")[0];
            Assert.Equal(("C024BE91L", $"Bearer {Token}"), (posted.Json.GetProperty("channel").GetString(), posted.Headers["Authorization"]));
            Assert.Equal(["accessplane_approve", "accessplane_deny", "accessplane_console"], Buttons(posted));
            // until this is remembered as told, a restart tells it again
            await Receiver.Until(async () => await Ask<bool>(
                host, "select exists (select from accessplane.mt_event_progression p join accessplane.mt_events e on e.type = 'request_submitted' and e.seq_id <= p.last_seq_id where p.name = 'integration/chat')"));
        }
        await using var again = await Start();
        await Deny(again, request);
        await Receiver.Until(() => Of("chat.update").Count == 1 && Of("chat.postMessage").Any(p => p.Json.ToString().Contains("denied", StringComparison.Ordinal)));
        var changed = Of("chat.update")[0];
        Assert.Equal(("C024BE91L", "1405894322.000001"), (changed.Json.GetProperty("channel").GetString(), changed.Json.GetProperty("ts").GetString()));
        Assert.Equal(["accessplane_console"], Buttons(changed));
        Assert.Contains("denied", changed.Json.GetProperty("text").GetString(), StringComparison.Ordinal);
        await Receiver.Until(async () => await Remembered(again) == 0);
    }

    [Fact]
    public async Task A_message_that_cannot_be_changed_any_more_holds_up_nothing()
    {
        await using var host = await Start();
        var request = await host.Ask("engineer", "orders-write");
        await Receiver.Until(async () => await Remembered(host) == 1);
        Otherwise = path => path == "/api/chat.update" ? """{"ok":false,"error":"message_not_found"}""" : null;
        await Deny(host, request);
        await host.Ask("engineer", "orders-write");
        await Receiver.Until(() => Of("chat.postMessage").Count == 3);
        Assert.Single(Of("chat.update"));
        Assert.Equal("ok", await WhyNot(host));
    }

    [Fact]
    public async Task What_slack_does_not_take_is_said_and_tried_again()
    {
        await using var host = await Start();
        Otherwise = _ => """{"ok":false,"error":"channel_not_found"}""";
        await host.Ask("engineer", "orders-write");
        await Receiver.Until(async () => (await WhyNot(host)).StartsWith("`chat` answers channel_not_found since ", StringComparison.Ordinal));
        Otherwise = _ => """{"ok":false,"error":"<!channel> Do Not Repeat"}""";
        await Receiver.Until(async () => (await WhyNot(host)).StartsWith("`chat` answers an error since ", StringComparison.Ordinal));
        Otherwise = _ => "<html>";
        await Receiver.Until(async () => (await WhyNot(host)).StartsWith("`chat` answers what cannot be read since ", StringComparison.Ordinal));
        Otherwise = _ => null;
        await Receiver.Until(async () => await Remembered(host) == 1 && await WhyNot(host) == "ok");
    }

    private static async Task<string> WhyNot(ControlPlaneHost host) =>
        (await host.Send(HttpMethod.Get, "/health/ready", "auditor", "auditors")).Body.GetProperty("checks").GetProperty("integrations").GetString()!;

    private static Task<long> Remembered(ControlPlaneHost host) => Ask<long>(host, "select count(*) from accessplane.slack_messages where destination = 'chat'");

    private static async Task<T> Ask<T>(ControlPlaneHost host, string sql)
    {
        await using var database = NpgsqlDataSource.Create(host.Database);
        await using var command = database.CreateCommand(sql);
        return (T)(await command.ExecuteScalarAsync(Cancel))!;
    }
}

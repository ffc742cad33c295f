using System.Globalization;
using System.Net;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Microsoft.Extensions.Logging;
using Xunit;

namespace AccessPlane.Tests.Integration.Integrations;

/// <summary>Messages with buttons, and who presses them: somebody known decides as they would by queue, and nobody else decides anything.</summary>
public sealed class SlackTests : IAsyncLifetime
{
    private const string Signing = "8f742231b10e8888abcd99yyyzzz85a5";
    private const string Directory = "directory: { groups: { dba: ['ISSUER|dba', 'ISSUER|dba2'] } }\n";
    private readonly SecretFolder folder = new();
    private ControlPlaneHost first = null!;
    private ControlPlaneHost host = null!;
    private Receiver slack = null!;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;
    private static DateTimeOffset Now => TimeProvider.System.GetUtcNow();

    public async ValueTask InitializeAsync()
    {
        slack = await Receiver.Start();
        first = await ControlPlaneHost.Start();
        await first.Publish(SharedControlPlane.Policy + "\n" + Directory);
        await first.Stop();
        string[] people =
        [
            .. new[] { "dba", "dba2", "engineer", "security" }.SelectMany((name, i) => new[] { $"People:U{i + 1}:Issuer={first.Issuer.Address}", $"People:U{i + 1}:Subject={name}" }),
        ];
        string[] app = ["Kind=slack", "Team=T0", $"SigningSecretFile={folder.Write("signing", Signing)}"];
        string[] settings =
        [
            .. SecretFolder.Destination("chat", [.. people, .. app, $"UrlFile={folder.Write("url", $"{slack.Address}services/T0/B0/hushhushhush")}"]),
            // of the same app, in another channel, where others decide
            .. SecretFolder.Destination("room", [$"People:U7:Issuer={first.Issuer.Address}", "People:U7:Subject=dba2", .. app, $"UrlFile={folder.Write("room", $"{slack.Address}services/T0/B1/hushhushhush")}"]),
        ];
        host = await ControlPlaneHost.Start(loud => loud.Logging.ClearProviders().SetMinimumLevel(LogLevel.Debug), like: first, settings: settings);
        await SecretFolder.Begun(host, settings);
        host.Secrets.Sweep.Knows("a signing secret", Signing);
        host.Secrets.Sweep.Knows("a webhook's address", "services/T0/B0/hushhushhush");
        host.Secrets.Sweep.Knows("a webhook's address", "services/T0/B1/hushhushhush");
    }

    public async ValueTask DisposeAsync()
    {
        await host.DisposeAsync();
        await first.DisposeAsync();
        await slack.DisposeAsync();
        folder.Dispose();
    }

    private async Task<JsonElement> MessageOf(Guid id, string channel = "B0")
    {
        await Receiver.Until(() => Found() is not null);
        return Found()!.Json;

        Received? Found() => slack.All.FirstOrDefault(r => r.Path.StartsWith($"/services/T0/{channel}/", StringComparison.Ordinal) && Buttons(r.Json).Any(b => b.TryGetProperty("value", out var v) && v.GetString()!.Contains($"{id:D}", StringComparison.Ordinal)));
    }

    private static List<JsonElement> Buttons(JsonElement message) =>
        [.. message.GetProperty("blocks").EnumerateArray().Where(b => b.GetProperty("type").GetString() == "actions").SelectMany(b => b.GetProperty("elements").EnumerateArray())];

    private static string ValueOf(JsonElement message, string action) =>
        Buttons(message).Single(b => b.GetProperty("action_id").GetString() == $"accessplane_{action}").GetProperty("value").GetString()!;

    private static string Payload(string user, string action, string value, string? responseUrl = null, string team = "T0") => JsonSerializer.Serialize(new
    {
        type = "block_actions",
        user = new { id = user },
        team = new { id = team },
        actions = new[] { new { action_id = $"accessplane_{action}", value } },
        response_url = responseUrl,
    });

    private async Task<(HttpStatusCode Status, string Text)> Press(
        string user, string action, string value, string? responseUrl = null, string secret = Signing, DateTimeOffset? at = null) =>
        await Send($"payload={Uri.EscapeDataString(Payload(user, action, value, responseUrl))}", secret, at ?? Now);

    private async Task<(HttpStatusCode Status, string Text)> Send(string body, string secret, DateTimeOffset at)
    {
        var timestamp = at.ToUnixTimeSeconds().ToString(CultureInfo.InvariantCulture);
        var signature = $"v0={Convert.ToHexStringLower(HMACSHA256.HashData(Encoding.UTF8.GetBytes(secret), Encoding.UTF8.GetBytes($"v0:{timestamp}:{body}")))}";
        using var client = host.Client();
        using var request = new HttpRequestMessage(HttpMethod.Post, "/v1/integrations/slack/actions")
        {
            Content = new StringContent(body, Encoding.UTF8, "application/x-www-form-urlencoded"),
            Headers = { { "X-Slack-Request-Timestamp", timestamp }, { "X-Slack-Signature", signature } },
        };
        using var answer = await client.SendAsync(request, Cancel);
        var text = await answer.Content.ReadAsStringAsync(Cancel);
        return (answer.StatusCode, answer.IsSuccessStatusCode && text.Length > 0 ? JsonSerializer.Deserialize<JsonElement>(text).GetProperty("text").GetString()! : text);
    }

    /// <summary>A button that we could have made: what is behind that proof must hold by itself.</summary>
    private static string AsIfOurs(string value)
    {
        var json = JsonSerializer.Deserialize<JsonElement>(value);
        var seal = json.TryGetProperty("seal", out var s) ? s.GetString() : "";
        var proven = $"accessplane.choice.v2\n{json.GetProperty("to").GetString()}\n{json.GetProperty("kind").GetString()}\n{json.GetProperty("id").GetString()}\n{json.GetProperty("version").GetInt32()}\n{seal}";
        return value.Replace(
            json.GetProperty("mac").GetString()!, Convert.ToHexStringLower(HMACSHA256.HashData(Encoding.UTF8.GetBytes(Signing), Encoding.UTF8.GetBytes(proven))), StringComparison.Ordinal);
    }

    /// <summary>Who may post to the channel can put a button of their own under words of their own: Slack signs that it was pressed, and not who made it.</summary>
    [Fact]
    public async Task A_button_that_somebody_else_has_made_decides_nothing()
    {
        var request = await host.Ask("engineer", "orders-write");
        var ours = JsonSerializer.Deserialize<Dictionary<string, JsonElement>>(ValueOf(await MessageOf(request), "approve"))!;
        var other = await host.Ask("engineer", "orders-write");
        foreach (var forged in new[]
        {
            JsonSerializer.Serialize(new { kind = "request", id = request, version = ours["version"].GetInt32(), to = "chat" }),
            JsonSerializer.Serialize(new { kind = "request", id = other, version = ours["version"].GetInt32(), to = "chat", mac = ours["mac"].GetString() }),
            // of a message that went elsewhere
            JsonSerializer.Serialize(new { kind = "request", id = request, version = ours["version"].GetInt32(), to = "room", mac = ours["mac"].GetString() }),
            JsonSerializer.Serialize(new { kind = "request", id = request, version = ours["version"].GetInt32(), mac = ours["mac"].GetString() }),
        })
        {
            var (status, text) = await Press("U1", "approve", forged);
            Assert.Equal((HttpStatusCode.OK, "this button is none of ours: what stands above it may be anybody's words. Decide in the console"), (status, text));
        }
        Assert.Equal(("Submitted", "Submitted"), (await State(request), await State(other)));
    }

    private async Task<string?> State(Guid request) => (await host.Get($"/v1/requests/{request}")).GetProperty("state").GetString();

    [Fact]
    public async Task A_button_decides_in_the_name_of_the_person_who_is_known_and_the_message_says_so()
    {
        var request = await host.Ask("engineer", "orders-write");
        var message = await MessageOf(request);
        Assert.Contains(message.GetProperty("blocks").EnumerateArray(), b => b.ToString().Contains("engineer", StringComparison.Ordinal));
        Assert.Contains(Buttons(message), b => b.TryGetProperty("url", out var url) && url.GetString() == "https://accessplane.example/console/to-decide");

        var (status, text) = await Press("U1", "approve", ValueOf(message, "approve"), $"{slack.Address}actions/1");
        Assert.Equal((HttpStatusCode.OK, "approved by `dba`"), (status, text));
        Assert.Equal("Approved", await State(request));
        var replaced = slack.All.Single(r => r.Path == "/actions/1").Json;
        Assert.Equal((true, "approved by `dba`"), (replaced.GetProperty("replace_original").GetBoolean(), replaced.GetProperty("text").GetString()));
        var review = (await host.Get($"/v1/audit/events?stream={request}&type=review_given")).GetProperty("items")[0].GetProperty("headers").GetProperty("actor");
        Assert.Equal(("dba", "U1"), (review.GetProperty("subject").GetString(), review.GetProperty("claims").GetProperty("slack_user").GetString()));
    }

    /// <summary>One app, one signing secret, two destinations: who decides is who was asked there.</summary>
    [Fact]
    public async Task A_button_is_pressed_by_the_people_of_the_destination_that_it_was_sent_to_and_by_no_others_of_the_same_app()
    {
        var request = await host.Ask("engineer", "orders-write");
        var (here, there) = (ValueOf(await MessageOf(request), "approve"), ValueOf(await MessageOf(request, "B1"), "approve"));
        Assert.Contains("nobody whom this installation knows", (await Press("U7", "approve", here)).Text, StringComparison.Ordinal);
        Assert.Contains("nobody whom this installation knows", (await Press("U1", "approve", there)).Text, StringComparison.Ordinal);
        Assert.Equal("Submitted", await State(request));
        Assert.Equal("approved by `dba2`", (await Press("U7", "approve", there)).Text);
        Assert.Equal("Approved", await State(request));
    }

    [Fact]
    public async Task Who_asked_who_is_no_approver_and_who_is_nobody_decide_nothing()
    {
        var request = await host.Ask("engineer", "orders-write");
        var value = ValueOf(await MessageOf(request), "approve");
        Assert.Contains("is the requester", (await Press("U3", "approve", value)).Text, StringComparison.Ordinal);
        Assert.Contains("is not an approver", (await Press("U4", "approve", value)).Text, StringComparison.Ordinal);
        Assert.Contains("nobody whom this installation knows", (await Press("U9", "approve", value)).Text, StringComparison.Ordinal);
        // another workspace that has the same app, with a user of the same id
        var (_, text) = await Send($"payload={Uri.EscapeDataString(Payload("U1", "approve", value, team: "T1"))}", Signing, Now);
        Assert.Contains("nobody whom this installation knows", text, StringComparison.Ordinal);
        Assert.Equal("Submitted", await State(request));
    }

    [Fact]
    public async Task A_signature_that_is_another_old_or_used_is_refused_and_changes_nothing()
    {
        var request = await host.Ask("engineer", "orders-careful"); // needs two
        // its first step is the directory's, its second one is told by tokens alone
        var value = ValueOf(await MessageOf(request), "approve");
        Assert.Equal(HttpStatusCode.Unauthorized, (await Press("U1", "approve", value, secret: "another")).Status);
        Assert.Equal(HttpStatusCode.Unauthorized, (await Press("U1", "approve", value, at: Now.AddMinutes(-6))).Status);
        Assert.Equal(HttpStatusCode.Unauthorized, (await Press("U1", "approve", value, at: Now.AddMinutes(6))).Status);
        var body = $"payload={Uri.EscapeDataString(Payload("U1", "approve", value))}";
        var at = Now;
        Assert.Equal(HttpStatusCode.OK, (await Send(body, Signing, at)).Status);
        Assert.Equal(HttpStatusCode.Unauthorized, (await Send(body, Signing, at)).Status);
        var given = (await host.Get($"/v1/audit/events?stream={request}&type=review_given")).GetProperty("items");
        Assert.Equal(1, given.GetArrayLength());

        // the next step is for a group that the directory does not list
        await Press("U2", "approve", value);
        Assert.Equal("Submitted", await State(request));
        var ofTheNextStep = AsIfOurs(value.Replace("\"version\":1", "\"version\":2", StringComparison.Ordinal));
        Assert.Contains("only a token can tell", (await Press("U4", "approve", ofTheNextStep)).Text, StringComparison.Ordinal);
        Assert.Equal("Submitted", await State(request));
    }

    [Fact]
    public async Task A_lost_race_is_told_what_won_and_only_where_our_messages_go()
    {
        await using var elsewhere = await Receiver.Start();
        var request = await host.Ask("engineer", "orders-write");
        var value = ValueOf(await MessageOf(request), "approve");
        Assert.Equal(200, (await host.Send(HttpMethod.Post, $"/v1/requests/{request}/reviews", "dba2", "dba", new { verdict = "deny", comment = "not today" })).Status);
        var (_, text) = await Press("U1", "approve", value, $"{elsewhere.Address}actions/2");
        Assert.Equal("it came too late: it is denied by `dba2`", text);
        Assert.Equal("Denied", await State(request));
        Assert.Empty(elsewhere.All);
        await Press("U1", "approve", value, $"{slack.Address}actions/3");
        Assert.Equal("it came too late: it is denied by `dba2`", slack.All.Single(r => r.Path == "/actions/3").Json.GetProperty("text").GetString());
    }

    [Fact]
    public async Task A_statement_is_inert_and_decided_as_it_was_shown_or_not_at_all()
    {
        const string text = "delete from orders -- ``` <!channel> <https://evil.example|here> *bold* \u202e\u0007 & done";
        var hold = await host.Hold(text);
        var message = await MessageOf(hold);
        var whole = message.ToString();
        Assert.All(new[] { "<!", "<https", "\u202e", "\u0007", "\\u0007" }, bad => Assert.DoesNotContain(bad, whole, StringComparison.Ordinal));
        var statement = message.GetProperty("blocks").EnumerateArray().Select(b => b.TryGetProperty("text", out var t) ? t.GetProperty("text").GetString()! : "").Single(t => t.StartsWith("*Statement*", StringComparison.Ordinal));
        Assert.Equal(
            "*Statement*\n```\ndelete from orders -- ⟨U+0060⟩⟨U+0060⟩⟨U+0060⟩ &lt;!channel&gt; &lt;https://evil.example|here&gt; *bold* ⟨U+202E⟩⟨U+0007⟩ &amp; done\n```", statement);

        var value = ValueOf(message, "approve");
        var other = ValueOf(await MessageOf(await host.Hold("delete from customers")), "approve");
        var seal = JsonSerializer.Deserialize<JsonElement>(value).GetProperty("seal").GetString()!;
        var changed = AsIfOurs(value.Replace(seal, JsonSerializer.Deserialize<JsonElement>(other).GetProperty("seal").GetString()!, StringComparison.Ordinal));
        Assert.Contains("not what you saw", (await Press("U1", "approve", changed)).Text, StringComparison.Ordinal);
        Assert.Equal("Waiting", (await host.Get($"/v1/holds/{hold}")).GetProperty("state").GetString());
        Assert.Equal("released by `dba`", (await Press("U1", "approve", value)).Text);
        Assert.Equal("Released", (await host.Get($"/v1/holds/{hold}")).GetProperty("state").GetString());
    }

    [Fact]
    public async Task What_is_too_long_to_be_shown_can_be_denied_and_not_approved()
    {
        var hold = await host.Hold($"delete from orders where id in ({string.Join(',', Enumerable.Range(0, 2000))})");
        var message = await MessageOf(hold);
        Assert.Equal(["accessplane_deny", "accessplane_console"], Buttons(message).Select(b => b.GetProperty("action_id").GetString()));
        Assert.All(message.GetProperty("blocks").EnumerateArray().Where(b => b.TryGetProperty("text", out _)), b => Assert.True(b.GetProperty("text").GetProperty("text").GetString()!.Length <= 3000));
        Assert.Equal("refused by `dba`", (await Press("U1", "deny", ValueOf(message, "deny"))).Text);
    }
}

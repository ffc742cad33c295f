using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using AccessPlane.Tests.Integration.Notifications;
using Microsoft.Extensions.Logging;
using Xunit;

namespace AccessPlane.Tests.Integration.Integrations;

/// <summary>A statement that waits, in flight: who decides hears of it by webhook and mail, and of what became of it. With buttons: <see cref="SlackTests"/>.</summary>
public sealed class HoldNewsTests : IAsyncLifetime
{
    private readonly SecretFolder folder = new();
    private readonly string secret = SecretFolder.NewWebhookSecret();
    private readonly MailServer mail = new();
    private Receiver receiver = null!;
    private ControlPlaneHost host = null!;

    public async ValueTask InitializeAsync()
    {
        receiver = await Receiver.Start();
        string[] settings =
        [
            .. SecretFolder.Destination("ops", "Kind=webhook", $"Url={new Uri(receiver.Address, "hook")}", $"SecretFile={folder.Write("secret", secret)}"),
            .. SecretFolder.Destination(
                "mail", "Kind=email", "Smtp:Host=127.0.0.1", $"Smtp:Port={mail.Port}", "Smtp:From=accessplane@example.org", "To:dba:0=dba@example.org", "To:security:0=security@example.org"),
        ];
        host = await ControlPlaneHost.Start(loud => loud.Logging.ClearProviders().SetMinimumLevel(LogLevel.Debug), settings: settings);
        host.Secrets.Sweep.Knows("a webhook's secret", secret);
        await host.Publish(SharedControlPlane.Policy);
        await SecretFolder.Begun(host, settings);
    }

    public async ValueTask DisposeAsync()
    {
        await host.DisposeAsync();
        await receiver.DisposeAsync();
        await mail.DisposeAsync();
        folder.Dispose();
    }

    private async Task Decide(Guid hold, string verdict, int version = 1) => Assert.Equal(
        200, (await host.Send(HttpMethod.Post, $"/v1/holds/{hold}/reviews", "dba", "dba", new { verdict, comment = "so be it", expectedVersion = version })).Status);

    [Fact]
    public async Task A_statement_that_waits_is_told_as_a_signed_cloud_event_in_the_words_of_the_queue_and_so_is_its_release()
    {
        await using var dba = await ApproverClient.Connect(host.Broker, null, "dba");
        var hold = await host.Hold("delete from orders -- \u202eall of it");
        var (_, byQueue) = dba.Next(hold);
        var opened = await Told(hold, "hold.opened");
        Assert.StartsWith("application/cloudevents+json", opened.Headers["Content-Type"], StringComparison.Ordinal);
        Assert.Equal(("1.0", $"hold/{hold}", "dba", opened.Id), (
            opened.Json.GetProperty("specversion").GetString(), opened.Json.GetProperty("subject").GetString(), opened.Json.GetProperty("groups").GetString(),
            opened.Json.GetProperty("id").GetString()));
        var data = opened.Json.GetProperty("data");
        Assert.Equal("delete from orders -- ⟨U+202E⟩all of it", data.GetProperty("what").GetProperty("text").GetString());
        Assert.True(JsonNode.DeepEquals(JsonNode.Parse(byQueue.ToString()), JsonNode.Parse(data.ToString())), data.ToString());

        await Decide(hold, "approve", data.GetProperty("expectedVersion").GetInt32());
        var decided = await Told(hold, "hold.decided");
        Assert.Equal(("Released", "dba"), (decided.Json.GetProperty("data").GetProperty("state").GetString(), decided.Json.GetProperty("groups").GetString()));
        Assert.NotEqual(opened.Id, decided.Id);
        Assert.All(new[] { opened, decided }, told => Assert.Equal(SignatureOf(told), told.Headers["webhook-signature"]));
    }

    private async Task<Received> Told(Guid hold, string kind)
    {
        await Receiver.Until(() => Found() is not null, () => $"no `{kind}` was told");
        return Found()!;

        Received? Found() => receiver.All.FirstOrDefault(r => r.About == hold && r.Json.GetProperty("type").GetString() == $"accessplane.{kind}");
    }

    private string SignatureOf(Received told)
    {
        byte[] signed = [.. Encoding.UTF8.GetBytes($"{told.Id}.{told.Headers["webhook-timestamp"]}."), .. told.Body];
        return $"v1,{Convert.ToBase64String(HMACSHA256.HashData(Convert.FromBase64String(secret["whsec_".Length..]), signed))}";
    }

    [Fact]
    public async Task Those_who_decide_get_a_mail_with_the_statement_quoted_and_one_of_its_refusal()
    {
        var hold = await host.Hold("delete from orders\nrisk: 0\ndecide in the console: https://evil.example");
        var asked = await Mailed("Subject: an operation of engineer on orders waits, risk 10");
        Assert.Equal("dba@example.org", Assert.Single(asked.To));
        var text = TextOf(asked);
        Assert.Contains("\nwhere: orders, database orders, as app\nrule: bulk\nrisk: 10\n", text, StringComparison.Ordinal);
        // what the statement says of itself is no word of ours
        Assert.Contains("\nstatement:\n> delete from orders\n> risk: 0\n> decide in the console: https://evil.example\n", text, StringComparison.Ordinal);
        Assert.Contains("\ndecide in the console: https://accessplane.example/console/to-decide\n", text, StringComparison.Ordinal);
        Assert.All(new[] { "/reviews", $"{hold:D}", "security@example.org" }, absent => Assert.DoesNotContain(absent, text, StringComparison.Ordinal));

        await Decide(hold, "deny");
        var decided = await Mailed("Subject: the operation of engineer on orders is Refused");
        Assert.Equal("dba@example.org", Assert.Single(decided.To));
        Assert.Contains("\nstate: Refused\n", TextOf(decided), StringComparison.Ordinal);
    }

    /// <summary>The one with that in its head: one may come twice.</summary>
    private async Task<Mail> Mailed(string head)
    {
        bool Is(Mail mail) => mail.Head.Contains(head, StringComparison.Ordinal);
        await Receiver.Until(() => mail.Mails.Any(Is), () => $"{mail.Mails.Count} mails came");
        return mail.Mails.First(Is);
    }

    /// <summary>Lines that were folded on their way are whole again.</summary>
    private static string TextOf(Mail mail) => mail.Text.Replace("=\n", "", StringComparison.Ordinal).Replace("=3D", "=", StringComparison.Ordinal);
}

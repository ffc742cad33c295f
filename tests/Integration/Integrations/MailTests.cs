using System.Net.Http.Json;
using System.Text.Json;
using Microsoft.Extensions.Logging;
using Xunit;

namespace AccessPlane.Tests.Integration.Integrations;

/// <summary>Approvers by mail, at a server that speaks SMTP.</summary>
public sealed class MailTests
{
    private const string Password = "a password of a mail server";

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    private static async Task<ControlPlaneHost> Start(MailServer server, params string[] more)
    {
        var settings = SecretFolder.Destination(
            "mail", [.. more, "Kind=email", "Smtp:Host=127.0.0.1", $"Smtp:Port={server.Port}", "Smtp:From=accessplane@example.org", "To:dba:0=dba@example.org", "To:dba:1=dba2@example.org", "To:security:0=security@example.org"]);
        var host = await ControlPlaneHost.Start(loud => loud.Logging.ClearProviders().SetMinimumLevel(LogLevel.Debug), settings: settings);
        await host.Publish(SharedControlPlane.Policy);
        await SecretFolder.Begun(host, settings);
        return host;
    }

    private static async Task<Guid> Ask(ControlPlaneHost host, string reason)
    {
        using var client = host.Client("engineer", "engineering");
        using var answer = await client.PostAsJsonAsync("/v1/requests", new { entitlement = "orders-write", reason }, Cancel);
        var body = await answer.Content.ReadFromJsonAsync<JsonElement>(Cancel);
        Assert.True(answer.IsSuccessStatusCode, body.ToString());
        return body.GetProperty("id").GetGuid();
    }

    private static async Task<string> WhyNot(ControlPlaneHost host) =>
        (await host.Send(HttpMethod.Get, "/health/ready", "auditor", "auditors")).Body.GetProperty("checks").GetProperty("integrations").GetString()!;

    [Fact]
    public async Task The_approvers_of_a_group_get_a_mail_with_a_link_to_the_console_and_none_that_decides()
    {
        await using var server = new MailServer();
        await using var host = await Start(server);
        var request = await Ask(host, "because of <b>this</b>\nBcc: evil@example.org\n\n.\nMAIL FROM:<evil@example.org>\n<a href=\"https://evil.example\">x</a>");
        await Receiver.Until(() => server.Mails.Count > 0);
        var mail = server.Mails[0];
        Assert.Equal(("accessplane@example.org", "dba@example.org dba2@example.org"), (mail.From, string.Join(' ', mail.To)));
        Assert.Contains("Subject: engineer asks for orders-write on orders", mail.Head, StringComparison.Ordinal);
        Assert.All(new[] { "Bcc", "evil" }, bad => Assert.DoesNotContain(bad, mail.Head, StringComparison.OrdinalIgnoreCase));
        Assert.Single(server.Commands, c => c.StartsWith("MAIL", StringComparison.OrdinalIgnoreCase));
        var text = mail.Text.Replace("=\n", "", StringComparison.Ordinal).Replace("=3D", "=", StringComparison.Ordinal);
        Assert.Contains("decide in the console: https://accessplane.example/console/to-decide", text, StringComparison.Ordinal);
        Assert.Contains("&lt;b&gt;this&lt;/b&gt;", text, StringComparison.Ordinal);
        Assert.DoesNotContain("/reviews", text, StringComparison.Ordinal);
        Assert.DoesNotContain(request.ToString("D"), text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_server_that_refuses_for_a_while_gets_it_later_and_once()
    {
        await using var server = new MailServer { Refuses = "451 later" };
        await using var host = await Start(server);
        await Ask(host, "a test");
        await Receiver.Until(() => server.Commands.Count(c => c.StartsWith("MAIL", StringComparison.OrdinalIgnoreCase)) > 2);
        server.Refuses = null;
        await Receiver.Until(() => server.Mails.Count > 0);
        Assert.Single(server.Mails);
    }

    [Fact]
    public async Task An_address_that_is_no_more_keeps_no_mail_from_the_others()
    {
        await using var server = new MailServer { Unknown = "dba@example.org" };
        await using var host = await Start(server);
        await Ask(host, "a test");
        await Receiver.Until(() => server.Mails.Count > 0);
        Assert.Equal("dba2@example.org", Assert.Single(Assert.Single(server.Mails).To));
    }

    [Fact]
    public async Task Where_tls_is_needed_a_server_that_offers_none_gets_nothing()
    {
        await using var server = new MailServer();
        await using var host = await Start(server, "Smtp:RequireTls=true");
        await Ask(host, "a test");
        await Receiver.Until(async () => (await WhyNot(host)).Contains("offers no TLS", StringComparison.Ordinal));
        Assert.DoesNotContain(server.Commands, c => c.StartsWith("MAIL", StringComparison.OrdinalIgnoreCase));
    }

    [Theory]
    [InlineData("PLAIN")]
    [InlineData("LOGIN")]
    public async Task A_server_with_a_certificate_of_an_authority_that_is_configured_is_logged_in_to_and_nobody_hears_the_password(string mechanism)
    {
        using var folder = new SecretFolder();
        using var authority = new MailAuthority();
        using var certificate = authority.Certify();
        await using var server = new MailServer { Certificate = certificate, Mechanism = mechanism, Known = ("accessplane", Password) };
        await using var host = await Start(
            server, "Smtp:RequireTls=true", $"Smtp:RootCertificate={folder.Write("root.pem", authority.Pem)}", "Smtp:User=accessplane",
            $"Smtp:PasswordFile={folder.Write("password", Password)}");
        host.Secrets.Sweep.Knows("a mail server's password", Password);
        await Ask(host, "a test");
        await Receiver.Until(() => server.Mails.Count > 0);
        Assert.Equal(("accessplane", Password, true), Assert.Single(server.Logins));
        Assert.Equal("dba@example.org dba2@example.org", string.Join(' ', Assert.Single(server.Mails).To));
    }

    [Fact]
    public async Task A_password_that_is_wrong_is_said_to_be_and_the_mail_comes_when_it_is_right()
    {
        using var folder = new SecretFolder();
        using var authority = new MailAuthority();
        using var certificate = authority.Certify();
        await using var server = new MailServer { Certificate = certificate, Mechanism = "PLAIN", Known = ("accessplane", Password) };
        await using var host = await Start(
            server, "Smtp:RequireTls=true", $"Smtp:RootCertificate={folder.Write("root.pem", authority.Pem)}", "Smtp:User=accessplane",
            $"Smtp:PasswordFile={folder.Write("password", "one of before")}");
        host.Secrets.Sweep.Knows("a mail server's password", Password);
        host.Secrets.Sweep.Knows("a mail server's old password", "one of before");
        await Ask(host, "a test");
        await Receiver.Until(async () => (await WhyNot(host)).StartsWith("`mail` does not take the user and the password since ", StringComparison.Ordinal), () => $"{server.Logins.Count} logins");
        await Receiver.Until(() => server.Logins.Count > 2);
        Assert.Empty(server.Mails);
        folder.Write("password", Password);
        await Receiver.Until(() => server.Mails.Count > 0);
        await Receiver.Until(async () => await WhyNot(host) == "ok", () => "it is not said that mails get through"); // the server has it before its sender knows that
        Assert.Single(server.Mails);
    }

    /// <summary>Who only stands in between has a certificate too: of somebody else, or for another name.</summary>
    [Theory]
    [InlineData(true, null)]
    [InlineData(false, "mail.example.org")]
    public async Task A_server_whose_certificate_is_not_to_be_trusted_gets_no_password_and_no_mail(bool isOthers, string? name)
    {
        using var folder = new SecretFolder();
        using var authority = new MailAuthority();
        using var other = new MailAuthority();
        using var certificate = (isOthers ? other : authority).Certify(name);
        await using var server = new MailServer { Certificate = certificate, Mechanism = "PLAIN", Known = ("accessplane", Password) };
        await using var host = await Start(
            server, "Smtp:RequireTls=true", $"Smtp:RootCertificate={folder.Write("root.pem", authority.Pem)}", "Smtp:User=accessplane",
            $"Smtp:PasswordFile={folder.Write("password", Password)}");
        await Ask(host, "a test");
        await Receiver.Until(async () => (await WhyNot(host)).Contains("offers no TLS that can be trusted", StringComparison.Ordinal));
        Assert.Empty(server.Logins);
        Assert.DoesNotContain(server.Commands, c => c.StartsWith("MAIL", StringComparison.OrdinalIgnoreCase));
    }
}

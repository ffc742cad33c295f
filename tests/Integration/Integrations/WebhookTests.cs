using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using AccessPlane.Tests.Integration.Notifications;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Npgsql;
using Microsoft.Extensions.Options;
using Xunit;

namespace AccessPlane.Tests.Integration.Integrations;

/// <summary>What approvers hear of, posted to real receivers that answer, do not, or should not be believed.</summary>
public sealed class WebhookTests : IDisposable
{
    private readonly SecretFolder folder = new();
    private readonly string secret = SecretFolder.NewWebhookSecret();

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public void Dispose() => folder.Dispose();

    private string[] To(string name, Uri address, params string[] more) => SecretFolder.Destination(
        name, [.. more, "Kind=webhook", $"Url={address}", $"SecretFile={folder.Write("secret", secret)}"]);

    private async Task<ControlPlaneHost> Start(string[] settings, ControlPlaneHost? like = null)
    {
        // everything is said, so that it can be looked through
        var host = await ControlPlaneHost.Start(loud => loud.Logging.ClearProviders().SetMinimumLevel(LogLevel.Debug), settings: settings, like: like);
        host.Secrets.Sweep.Knows("a webhook's secret", secret);
        if (like is null)
        {
            await host.Publish(SharedControlPlane.Policy);
        }
        await SecretFolder.Begun(host, settings);
        return host;
    }

    [Fact]
    public async Task A_request_is_told_as_a_cloud_event_in_the_words_of_the_queue_with_a_signature_that_anybody_can_check()
    {
        await using var receiver = await Receiver.Start();
        var older = SecretFolder.NewWebhookSecret();
        await using var host = await Start(To("ops", new Uri(receiver.Address, "hook"), $"PreviousSecretFile={folder.Write("older", older)}"));
        await using var dba = await ApproverClient.Connect(host.Broker, null, "dba");
        var request = await host.Ask("engineer", "orders-write");
        var (_, byQueue) = dba.Next(request);
        await Receiver.Until(() => receiver.All.Any(r => r.About == request));
        var told = receiver.All.Single(r => r.About == request);

        Assert.Equal("/hook", told.Path);
        Assert.StartsWith("application/cloudevents+json", told.Headers["Content-Type"], StringComparison.Ordinal);
        Assert.Equal(("1.0", "accessplane.request.submitted", "https://accessplane.example", $"request/{request}", "dba"), (
            told.Json.GetProperty("specversion").GetString(), told.Json.GetProperty("type").GetString(), told.Json.GetProperty("source").GetString(),
            told.Json.GetProperty("subject").GetString(), told.Json.GetProperty("groups").GetString()));
        Assert.Equal(told.Id, told.Json.GetProperty("id").GetString());
        Assert.True(JsonNode.DeepEquals(JsonNode.Parse(byQueue.ToString()), JsonNode.Parse(told.Json.GetProperty("data").ToString())), told.Json.ToString());

        byte[] signed = [.. Encoding.UTF8.GetBytes($"{told.Id}.{told.Headers["webhook-timestamp"]}."), .. told.Body];
        var signatures = told.Headers["webhook-signature"].Split(' ');
        Assert.Equal([Signature(secret), Signature(older)], signatures);

        string Signature(string with) => $"v1,{Convert.ToBase64String(HMACSHA256.HashData(Convert.FromBase64String(with["whsec_".Length..]), signed))}";
    }

    [Fact]
    public async Task A_receiver_that_was_away_hears_everything_in_order_once_it_is_back()
    {
        await using var receiver = await Receiver.Start();
        await receiver.Down();
        await using var host = await Start(To("ops", receiver.Address));
        List<Guid> asked = [];
        for (var i = 0; i < 5; i++)
        {
            asked.Add(await host.Ask("engineer", "orders-write"));
        }
        await Receiver.Until(async () => (await Ready(host)).GetProperty("checks").GetProperty("integrations").GetString() != "ok");
        await receiver.Up();
        await Receiver.Until(() => receiver.All.Count >= 5);
        Assert.Equal(asked, receiver.All.Select(r => r.About));
        await Receiver.Until(async () => (await Ready(host)).GetProperty("checks").GetProperty("integrations").GetString() == "ok");
    }

    [Fact]
    public async Task A_restart_in_between_loses_nothing_and_what_comes_twice_has_the_same_id()
    {
        await using var receiver = await Receiver.Start();
        receiver.Answer = (http, _) =>
        {
            http.Response.StatusCode = 500;
            return Task.CompletedTask;
        };
        var settings = To("ops", receiver.Address);
        await using var host = await Start(settings);
        List<Guid> asked = [await host.Ask("engineer", "orders-write"), await host.Ask("engineer", "orders-write"), await host.Ask("engineer", "orders-write")];
        await Receiver.Until(() => receiver.All.Count > 2);
        await host.Stop();
        var before = receiver.All.Select(r => r.Id).Distinct().ToList();
        Assert.Single(before);
        receiver.Answer = (_, _) => Task.CompletedTask;
        await using var again = await Start(settings, host);
        asked.Add(await again.Ask("engineer", "orders-write"));
        await Receiver.Until(() => receiver.Taken.Count >= 4);
        Assert.Equal(asked, receiver.Taken.Select(r => r.About));
        Assert.Equal(before[0], receiver.Taken[0].Id);
        Assert.Equal(4, receiver.Taken.Select(r => r.Id).Distinct().Count());
    }

    [Fact]
    public async Task One_that_fails_one_that_hangs_one_that_talks_for_ever_and_one_that_points_elsewhere_hold_up_no_other()
    {
        await using var receiver = await Receiver.Start();
        using var end = CancellationTokenSource.CreateLinkedTokenSource(Cancel);
        receiver.Answer = async (http, received) =>
        {
            switch (received.Path)
            {
                case "/fails":
                    http.Response.StatusCode = 500;
                    break;
                case "/points":
                    http.Response.Redirect("/never");
                    break;
                case "/hangs":
                    received.Status = 1;
                    await Task.Delay(Timeout.Infinite, end.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                    break;
                case "/talks":
                    received.Status = 200;
                    while (!http.RequestAborted.IsCancellationRequested && !end.IsCancellationRequested)
                    {
                        await http.Response.WriteAsync(new string('x', 10_000), http.RequestAborted);
                    }
                    break;
            }
        };
        await using var host = await Start(
        [
            .. To("good", new Uri(receiver.Address, "good")), .. To("fails", new Uri(receiver.Address, "fails")), .. To("points", new Uri(receiver.Address, "points")),
            .. To("hangs", new Uri(receiver.Address, "hangs"), "Timeout=00:00:01"), .. To("talks", new Uri(receiver.Address, "talks")),
        ]);
        List<Guid> asked = [await host.Ask("engineer", "orders-write"), await host.Ask("engineer", "orders-write"), await host.Ask("engineer", "orders-write")];
        await Receiver.Until(() => Of("/good").Count == 3 && Of("/fails").Count > 1 && Of("/points").Count > 1 && Of("/hangs").Count > 1 && Of("/talks").Count == 3);
        Assert.Equal(asked, Of("/good").Select(r => r.About));
        Assert.Equal(asked, Of("/talks").Select(r => r.About));
        // each of the others still tells the first: their order is kept too
        Assert.All(new[] { "/fails", "/points", "/hangs" }, path => Assert.All(Of(path), r => Assert.Equal(asked[0], r.About)));
        Assert.Empty(Of("/never"));
        var ready = await Ready(host);
        var why = ready.GetProperty("checks").GetProperty("integrations").GetString()!;
        Assert.Equal("degraded", ready.GetProperty("status").GetString());
        Assert.All(new[] { "`fails` answers 500", "`points` answers 302", "`hangs` does not answer in time" }, text => Assert.Contains(text, why, StringComparison.Ordinal));
        Assert.DoesNotContain("good", why, StringComparison.Ordinal);
        await end.CancelAsync();

        List<Received> Of(string path) => [.. receiver.All.Where(r => r.Path == path)];
    }

    /// <summary>It became too old; or the receiver will not have it, because of words in a reason, say, that a filter in between does not let through.</summary>
    [Theory]
    [InlineData("GiveUpAfter=00:00:01", 500)]
    [InlineData("FirstPause=00:00:00.010", 422)]
    public async Task What_is_given_up_the_log_keeps_and_the_next_goes_on(string setting, int status)
    {
        await using var receiver = await Receiver.Start();
        Guid? refused = null;
        receiver.Answer = (http, received) =>
        {
            refused ??= received.About;
            http.Response.StatusCode = received.About == refused ? status : 200;
            return Task.CompletedTask;
        };
        await using var host = await Start(To("ops", receiver.Address, setting));
        var first = await host.Ask("engineer", "orders-write");
        await Receiver.Until(async () => await GivenUp(host) == 1);
        var second = await host.Ask("engineer", "orders-write");
        await Receiver.Until(() => receiver.Taken.Any(r => r.About == second));
        var found = (await host.Get("/v1/audit/events?type=delivery_given_up")).GetProperty("items")[0].GetProperty("data");
        Assert.Equal(
            ("ops", "request.submitted", $"answers {status}"), (found.GetProperty("destination").GetString(), found.GetProperty("kind").GetString(), found.GetProperty("why").GetString()));
        Assert.Equal((first, receiver.All.Count(r => r.About == first)), (refused, found.GetProperty("attempts").GetInt32()));
        Assert.True(status == 500 || receiver.All.Count(r => r.About == first) == 3, "what a receiver will not have is offered three times");
    }

    [Fact]
    public async Task Who_wants_the_news_of_a_group_gets_no_others_and_every_lock()
    {
        await using var receiver = await Receiver.Start();
        await using var host = await Start([.. To("security", new Uri(receiver.Address, "security"), "Groups:0=security"), .. To("all", new Uri(receiver.Address, "all"))]);
        var request = await host.Ask("engineer", "orders-write");
        var placed = await host.Send(HttpMethod.Post, "/v1/locks", "admin", "admins", new { on = new { resource = "orders" }, reason = "a test" });
        await Receiver.Until(() => receiver.All.Any(r => r.Path == "/security") && receiver.All.Count(r => r.Path == "/all") >= 2);
        var told = receiver.All.First(r => r.Path == "/security");
        Assert.Equal(("accessplane.lock.placed", placed.Id), (told.Json.GetProperty("type").GetString(), told.About));
        Assert.Equal("accessplane.request.submitted", receiver.All.First(r => r.Path == "/all").Json.GetProperty("type").GetString());
        Assert.Equal(request, receiver.All.First(r => r.Path == "/all").About);
    }

    [Fact]
    public async Task One_that_asks_to_be_left_alone_for_a_while_is()
    {
        await using var receiver = await Receiver.Start();
        receiver.Answer = (http, _) =>
        {
            if (receiver.All.Count == 1)
            {
                http.Response.StatusCode = 429;
                http.Response.Headers.RetryAfter = "2";
            }
            return Task.CompletedTask;
        };
        await using var host = await Start(To("ops", receiver.Address));
        await host.Ask("engineer", "orders-write");
        await Receiver.Until(() => receiver.Taken.Count > 0);
        Assert.InRange(TimeProvider.System.GetElapsedTime(receiver.All[0].Timestamp, receiver.All[1].Timestamp), TimeSpan.FromSeconds(1.9), TimeSpan.FromSeconds(20));
    }

    [Fact]
    public async Task One_that_is_new_hears_of_what_happens_from_its_first_start_on_and_of_nothing_before()
    {
        await using var receiver = await Receiver.Start();
        var settings = To("ops", receiver.Address);
        await using var host = await Start([]);
        await host.Ask("engineer", "orders-write");
        await using (var first = await Start(settings, host))
        {
            await Receiver.Until(async () => await Checkpoint(host) is not null);
        }
        // it is away before it was ever told anything
        var missed = await host.Ask("engineer", "orders-write");
        await using var again = await Start(settings, host);
        await Receiver.Until(() => receiver.All.Count > 0);
        Assert.Equal(missed, receiver.All[0].About);
    }

    private static async Task<long?> Checkpoint(ControlPlaneHost host)
    {
        await using var database = NpgsqlDataSource.Create(host.Database);
        await using var command = database.CreateCommand("SELECT last_seq_id FROM accessplane.mt_event_progression WHERE name = 'integration/ops'");
        return await command.ExecuteScalarAsync(Cancel) as long?;
    }

    [Theory]
    [InlineData("`Kind` must be", "Kind=carrier-pigeon")]
    [InlineData("must be https", "Kind=webhook", "Url=http://example.org/hook")]
    [InlineData("must be https", "Kind=webhook", "Url=file:///etc/passwd")]
    [InlineData("`SecretFile` must name", "Kind=webhook", "Url=https://example.org/hook")]
    [InlineData("must hold `whsec_`", "Kind=webhook", "Url=https://example.org/hook", "SecretFile=/nowhere")]
    [InlineData("`Path` must name a file", "Kind=audit-file", "Path=/nowhere/at/all")]
    [InlineData("`Smtp:Host`", "Kind=email", "To:dba:0=dba@example.org")]
    [InlineData("`Smtp:RequireTls`", "Kind=email", "To:dba:0=dba@example.org", "Smtp:Host=mail.example.org", "Smtp:From=a@example.org", "Smtp:RequireTls=false")]
    [InlineData("`Smtp:RootCertificate`", "Kind=email", "To:dba:0=dba@example.org", "Smtp:Host=mail.example.org", "Smtp:From=a@example.org", "Smtp:RootCertificate=/etc/hostname")]
    [InlineData("longer than nothing", "Kind=audit-file", "Path=/tmp/audit", "SetAsideAfter=00:00:00")]
    [InlineData("`People:U1`", "Kind=slack", "Url=https://example.org/hook", "SigningSecretFile=/etc/hostname", "Team=T0", "People:U1:Issuer=https://other.example", "People:U1:Subject=x")]
    [InlineData("the `Team`", "Kind=slack", "Url=https://example.org/hook", "SigningSecretFile=/etc/hostname", "People:U1:Issuer=https://other.example", "People:U1:Subject=x")]
    [InlineData("`Channel` must be", "Kind=slack", "TokenFile=/etc/hostname")]
    [InlineData("cannot read `/nowhere`", "Kind=slack", "TokenFile=/nowhere", "Channel=C024BE91L")]
    [InlineData("not both", "Kind=slack", "TokenFile=/etc/hostname", "Channel=C024BE91L", "UrlFile=/etc/hostname")]
    [InlineData("must be https", "Kind=slack", "TokenFile=/etc/hostname", "Channel=C024BE91L", "Url=http://example.org/api/")]
    [InlineData("Colour", "Kind=webhook", "Colour=red")]
    public void A_wrong_configuration_ends_the_start_and_is_told_in_a_line(string why, params string[] settings)
    {
        var wrong = Assert.Throws<OptionsValidationException>(() => AccessPlane.ControlPlane.Program.Compose(
            [.. settings.Select(s => $"--Integrations:Destinations:ops:{s}"), "--ConnectionStrings:Log=Host=nowhere", "--Broker:Uri=amqp://nowhere"]));
        Assert.Contains(wrong.Failures, f => f.Contains(why, StringComparison.Ordinal) && !f.Contains('\n', StringComparison.Ordinal));
    }

    private static async Task<int> GivenUp(ControlPlaneHost host) => (await host.Get("/v1/audit/events?type=delivery_given_up")).GetProperty("items").GetArrayLength();

    private static async Task<JsonElement> Ready(ControlPlaneHost host) => (await host.Send(HttpMethod.Get, "/health/ready", "auditor", "auditors")).Body;
}

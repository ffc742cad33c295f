using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.Extensions.Logging;
using Npgsql;
using Xunit;

namespace AccessPlane.Tests.Integration.Integrations;

/// <summary>The log, kept elsewhere: all of it, in its order, whatever happens in between.</summary>
public sealed class AuditStreamTests : IDisposable
{
    private readonly SecretFolder folder = new();
    private readonly string secret = SecretFolder.NewWebhookSecret();

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;
    private string Path => $"{folder.Path}/audit.jsonl";

    public void Dispose() => folder.Dispose();

    private string[] ToFile(params string[] more) => SecretFolder.Destination("file", [.. more, "Kind=audit-file", $"Path={Path}"]);

    private static async Task<ControlPlaneHost> Start(string[] settings, ControlPlaneHost? like = null)
    {
        var host = await ControlPlaneHost.Start(loud => loud.Logging.ClearProviders().SetMinimumLevel(LogLevel.Debug), settings: settings, like: like);
        if (like is null)
        {
            await host.Publish(SharedControlPlane.Policy);
        }
        return host;
    }

    private static long PositionOf(JsonElement line) => long.Parse(line.GetProperty("position").GetString()!, CultureInfo.InvariantCulture);

    private static long PreviousOf(JsonElement line) => long.Parse(line.GetProperty("previous").GetString()!, CultureInfo.InvariantCulture);

    /// <summary>Whole lines only: one may be on its way.</summary>
    private static List<JsonElement> Lines(params IEnumerable<string> files)
    {
        List<JsonElement> lines = [];
        foreach (var file in files.Where(File.Exists))
        {
            using var open = new StreamReader(new FileStream(file, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete));
            var text = open.ReadToEnd();
            lines.AddRange(text[..(text.LastIndexOf('\n') + 1)].Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(l => JsonSerializer.Deserialize<JsonElement>(l)));
        }
        return lines;
    }

    /// <summary>Waits until what a request left in the log is there.</summary>
    private static Task Has(Guid request, Func<IEnumerable<JsonElement>> lines) =>
        Receiver.Until(() => lines().Any(l => l.GetProperty("subject").GetString() == $"stream/{request}"), () => $"{lines().Count()} lines are there");

    private static void IsUnbroken(List<JsonElement> lines, long from = 0)
    {
        Assert.NotEmpty(lines);
        Assert.Equal(lines.Count, lines.Select(l => l.GetProperty("id").GetString()).Distinct().Count());
        foreach (var line in lines)
        {
            Assert.Equal(from, PreviousOf(line));
            from = PositionOf(line);
        }
    }

    private static async Task<List<(long Position, string Id)>> Log(ControlPlaneHost host, long upTo)
    {
        await using var database = NpgsqlDataSource.Create(host.Database);
        await using var command = database.CreateCommand("SELECT seq_id, id FROM accessplane.mt_events WHERE seq_id <= $1 ORDER BY seq_id");
        command.Parameters.Add(new NpgsqlParameter { Value = upTo });
        List<(long, string)> all = [];
        await using var reader = await command.ExecuteReaderAsync(Cancel);
        while (await reader.ReadAsync(Cancel))
        {
            all.Add((reader.GetInt64(0), reader.GetGuid(1).ToString("D")));
        }
        return all;
    }

    private static async Task ForgetCheckpoint(ControlPlaneHost host, string name = "file")
    {
        await using var database = NpgsqlDataSource.Create(host.Database);
        await using var command = database.CreateCommand("DELETE FROM accessplane.mt_event_progression WHERE name = $1");
        command.Parameters.Add(new NpgsqlParameter { Value = $"integration/{name}" });
        Assert.Equal(1, await command.ExecuteNonQueryAsync(Cancel));
    }

    [Fact]
    public async Task The_file_is_the_log_over_a_restart_a_torn_line_and_a_checkpoint_that_was_not_stored()
    {
        await using var host = await Start(ToFile());
        var first = await host.Ask("engineer", "orders-write");
        await Has(first, () => Lines(Path));
        await host.Stop();
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(Path) & ~UnixFileMode.GroupRead);
        // what a crash can leave: half a line, and a checkpoint from before what was written
        await File.AppendAllTextAsync(Path, "{\"specversion\":\"1.0\",\"id\":\"hal", Cancel);
        await ForgetCheckpoint(host);
        await using var again = await Start(ToFile(), host);
        var second = await again.Ask("engineer", "orders-write");
        await Has(second, () => Lines(Path));
        await again.Stop();
        var lines = Lines(Path);
        IsUnbroken(lines);
        Assert.Equal(await Log(host, PositionOf(lines[^1])), lines.Select(l => (PositionOf(l), l.GetProperty("id").GetString()!)));
    }

    [Fact]
    public async Task A_file_that_is_moved_away_is_made_anew_and_goes_on_where_it_was()
    {
        await using var host = await Start(ToFile());
        await Has(await host.Ask("engineer", "orders-write"), () => Lines(Path));
        File.Move(Path, $"{Path}.old");
        await Has(await host.Ask("engineer", "orders-write"), () => Lines(Path));
        await host.Stop();
        Assert.NotEmpty(Lines(Path));
        IsUnbroken([.. Lines($"{Path}.old"), .. Lines(Path)]);
    }

    [Fact]
    public async Task A_file_that_has_grown_is_put_aside_under_its_last_position()
    {
        await using var host = await Start(ToFile("MaxSize=2000"));
        for (var i = 0; i < 3; i++)
        {
            await Has(await host.Ask("engineer", "orders-write"), All);
        }
        await host.Stop();
        var aside = Aside();
        Assert.True(aside.Count >= 2, string.Join(", ", aside));
        Assert.All(aside, file => Assert.EndsWith($".{PositionOf(Lines(file)[^1]):D19}", file, StringComparison.Ordinal));
        IsUnbroken(All());

        List<string> Aside() => [.. Directory.GetFiles(folder.Path, "audit.jsonl.*").Where(f => f != Path).Order(StringComparer.Ordinal)];
        List<JsonElement> All() => Lines([.. Aside(), Path]);
    }

    [Fact]
    public async Task By_http_it_comes_in_signed_batches_and_a_receiver_that_was_away_misses_nothing()
    {
        await using var receiver = await Receiver.Start();
        var number = 0;
        receiver.Answer = (http, _) =>
        {
            http.Response.StatusCode = Interlocked.Increment(ref number) % 3 == 0 ? 200 : 503;
            return Task.CompletedTask;
        };
        var settings = SecretFolder.Destination("siem", "Kind=audit-http", $"Url={receiver.Address}", $"SecretFile={folder.Write("secret", secret)}");
        await using var host = await Start(settings);
        host.Secrets.Sweep.Knows("a webhook's secret", secret);
        await Has(await host.Ask("engineer", "orders-write"), All);
        await host.Stop();
        await using var again = await Start(settings, host);
        await Has(await again.Ask("engineer", "orders-write"), All);
        await again.Stop();
        // at least once: what came again is the same again
        var all = All().GroupBy(l => l.GetProperty("id").GetString()).Select(same => Assert.Single(same.Select(l => l.ToString()).Distinct())).ToList();
        IsUnbroken([.. all.Select(l => JsonSerializer.Deserialize<JsonElement>(l))]);
        Assert.All(receiver.All, r => Assert.StartsWith("application/cloudevents-batch+json", r.Headers["Content-Type"], StringComparison.Ordinal));
        Assert.All(all, l => Assert.Contains("\"class_uid\":", l, StringComparison.Ordinal)); // OCSF, as in the file
        Assert.All(receiver.All, r => Assert.StartsWith("v1,", r.Headers["webhook-signature"], StringComparison.Ordinal));

        List<JsonElement> All() => [.. receiver.Taken.SelectMany(r => r.Json.EnumerateArray())];
    }

    private static async Task<Guid> Ask(ControlPlaneHost host, string reason) =>
        (await host.Send(HttpMethod.Post, "/v1/requests", "engineer", "engineering", new { entitlement = "orders-write", reason })).Id;

    private static Task<JsonElement> GivenUp(ControlPlaneHost host) => Items(host, "type=delivery_given_up");

    private static async Task<JsonElement> Items(ControlPlaneHost host, string which) => (await host.Get($"/v1/audit/events?{which}")).GetProperty("items");

    private string[] ToReceiver(Receiver receiver, string setAsideAfter) => SecretFolder.Destination(
        "siem", "Kind=audit-http", $"Url={receiver.Address}", $"SecretFile={folder.Write("secret", secret)}", $"SetAsideAfter={setAsideAfter}");

    /// <summary>Words that a filter in between does not let through, say: the log goes on, and what is missing is said by the stream itself.</summary>
    [Fact]
    public async Task One_event_that_a_receiver_will_not_have_is_set_aside_and_the_stream_says_which_one()
    {
        await using var receiver = await Receiver.Start();
        receiver.Answer = (http, received) =>
        {
            http.Response.StatusCode = Encoding.UTF8.GetString(received.Body).Contains("not to be heard", StringComparison.Ordinal) ? 422 : 200;
            return Task.CompletedTask;
        };
        var settings = ToReceiver(receiver, "00:00:00.500");
        // all of it waits when the stream begins: it stands in the midst of a batch
        await using var before = await Start([]);
        await Ask(before, "a test");
        var refused = await Ask(before, "not to be heard");
        await Ask(before, "another test");
        await before.Stop();
        await using var host = await Start(settings, before);
        await Receiver.Until(() => All().Any(l => l.GetProperty("type").GetString() == "accessplane.audit.delivery_given_up"), () => $"{All().Count} lines are there");

        var missing = Assert.Single((await Items(host, $"stream={refused}&type=request_submitted")).EnumerateArray().ToList());
        var found = Assert.Single((await GivenUp(host)).EnumerateArray().ToList()).GetProperty("data");
        Assert.Equal(("siem", "request_submitted", missing.GetProperty("id").GetGuid(), missing.GetProperty("position").GetInt64(), "answers 422"), (
            found.GetProperty("destination").GetString(), found.GetProperty("kind").GetString(), found.GetProperty("event").GetGuid(), found.GetProperty("position").GetInt64(),
            found.GetProperty("why").GetString()));
        Assert.True(found.GetProperty("attempts").GetInt32() >= 3);
        // the receiver is told itself; and whoever looks at what joins sees it at the same place
        var told = All().Single(l => l.GetProperty("type").GetString() == "accessplane.audit.delivery_given_up").GetProperty("data").GetProperty("unmapped").GetProperty("data");
        Assert.Equal(found.GetProperty("position").GetInt64(), told.GetProperty("position").GetInt64());
        var gap = Assert.Single(All().Zip(All().Skip(1)), pair => PositionOf(pair.First) != PreviousOf(pair.Second));
        Assert.Equal(missing.GetProperty("position").GetInt64(), PreviousOf(gap.Second));
        var positions = All().Select(PositionOf).ToList();
        Assert.Equal((await Log(host, positions[^1])).Select(e => e.Position).Except([missing.GetProperty("position").GetInt64()]), positions);

        // the checkpoint of before, after a crash: it is set aside once
        await host.Stop();
        await ForgetCheckpoint(host, "siem");
        var last = await AskAfterARestart();
        Assert.Equal(1, last);

        List<JsonElement> All() => [.. receiver.Taken.SelectMany(r => r.Json.EnumerateArray()).DistinctBy(l => l.GetProperty("id").GetString())];

        async Task<int> AskAfterARestart()
        {
            await using var again = await Start(ToReceiver(receiver, "1.00:00:00"), before);
            await Has(await Ask(again, "a last test"), All);
            return (await GivenUp(again)).GetArrayLength();
        }
    }

    /// <summary>A receiver that is out of order refuses everything: nothing is set aside for that before its time.</summary>
    [Fact]
    public async Task A_receiver_that_refuses_everything_for_a_while_misses_nothing()
    {
        await using var receiver = await Receiver.Start();
        var refuses = true;
        receiver.Answer = (http, _) =>
        {
            http.Response.StatusCode = Volatile.Read(ref refuses) ? 400 : 200;
            return Task.CompletedTask;
        };
        await using var host = await Start(ToReceiver(receiver, "01:00:00"));
        await Ask(host, "a test");
        await Receiver.Until(() => receiver.All.Count > 10);
        var ready = (await host.Send(HttpMethod.Get, "/health/ready", "auditor", "auditors")).Body.GetProperty("checks").GetProperty("integrations").GetString();
        Assert.StartsWith("`siem` answers 400 since ", ready, StringComparison.Ordinal);
        Volatile.Write(ref refuses, false);
        await Has(await Ask(host, "another test"), All);
        Assert.Equal(0, (await GivenUp(host)).GetArrayLength());
        IsUnbroken(All());

        List<JsonElement> All() => [.. receiver.Taken.SelectMany(r => r.Json.EnumerateArray())];
    }

    [Fact]
    public async Task It_is_ocsf_and_what_only_the_product_needs_is_withheld()
    {
        await using var host = await Start(ToFile());
        var invited = await host.Send(HttpMethod.Post, "/v1/agents", "admin", "admins", new { id = "orders-agent", resources = new[] { "orders" } });
        Assert.Equal(201, invited.Status);
        var request = await host.Ask("engineer", "orders-write");
        await Has(request, () => Lines(Path));
        var lines = Lines(Path);
        var invitation = lines.Single(l => l.GetProperty("type").GetString() == "accessplane.audit.agent_invited").GetProperty("data");
        Assert.Equal("(withheld)", invitation.GetProperty("unmapped").GetProperty("data").GetProperty("tokenHash").GetString());
        var asked = lines.First(l => l.GetProperty("subject").GetString() == $"stream/{request}").GetProperty("data");
        Assert.Equal((3004, 300401, 1), (asked.GetProperty("class_uid").GetInt32(), asked.GetProperty("type_uid").GetInt32(), asked.GetProperty("activity_id").GetInt32()));
        Assert.Equal("engineer", asked.GetProperty("actor").GetProperty("user").GetProperty("name").GetString());
        // as auditors see it
        var seen = (await host.Get($"/v1/audit/events?stream={request}")).GetProperty("items")[0];
        Assert.True(JsonNode.DeepEquals(JsonNode.Parse(seen.GetProperty("data").ToString()), JsonNode.Parse(asked.GetProperty("unmapped").GetProperty("data").ToString())), asked.ToString());
    }
}

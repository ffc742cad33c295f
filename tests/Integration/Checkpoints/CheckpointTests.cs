using System.Net;
using System.Text.Json;
using AccessPlane.Contracts;
using AccessPlane.Contracts.Events;
using AccessPlane.ControlPlane.EventStore;
using AccessPlane.ControlPlane.Evidence;
using AccessPlane.ControlPlane.History;
using AccessPlane.Tests.Integration.History;
using AccessPlane.Tests.Integration.Wire;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using Npgsql;
using Xunit;

namespace AccessPlane.Tests.Integration.Checkpoints;

/// <summary>Checkpoints as they are taken and kept: by one of several control planes, outside of the database, and loudly where they cannot be.</summary>
public sealed class CheckpointTests : IAsyncLifetime
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);
    private readonly List<ControlPlaneHost> hosts = [];
    private readonly List<string> scratch = [];

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public ValueTask InitializeAsync() => ValueTask.CompletedTask;

    public async ValueTask DisposeAsync()
    {
        // the first owns what the others share
        foreach (var host in Enumerable.Reverse(hosts))
        {
            await host.DisposeAsync();
        }
        scratch.Where(Directory.Exists).ToList().ForEach(folder => Directory.Delete(folder, recursive: true));
    }

    private string Scratch()
    {
        scratch.Add(Directory.CreateTempSubdirectory("accessplane-checkpoints-").FullName);
        return scratch[^1];
    }

    private async Task<ControlPlaneHost> Start(ControlPlaneHost? like = null, string every = "00:00:01", string? directory = null)
    {
        string[] settings = [$"--Evidence:Every={every}", .. directory is null ? (string[])[] : [$"--Evidence:Checkpoints={directory}"]];
        hosts.Add(await ControlPlaneHost.Start(builder => builder.Logging.ClearProviders(), settings: settings, like: like));
        return hosts[^1];
    }

    private static async Task<List<EvidenceCheckpointed>> Taken(ControlPlaneHost host) =>
        [.. (await host.Services.GetRequiredService<EventLog>().ReadStream(Ids.Checkpoints, Cancel)).Select(s => s.Event).Cast<EvidenceCheckpointed>()];

    private static async Task Until(Func<Task<bool>> holds, string what)
    {
        using var patience = new CancellationTokenSource(Patience);
        while (!await holds())
        {
            Assert.False(patience.IsCancellationRequested, what);
            await Task.Delay(50, Cancel);
        }
    }

    /// <summary>A process that ended, and was not told: its memory is of the history before the restoring, its next look at the log is behind it.</summary>
    [Fact]
    public async Task What_is_remembered_of_another_history_is_not_continued_in_a_restored_log()
    {
        var first = await Start(every: "01:00:00");
        await first.Publish(SharedControlPlane.Policy);
        await Checkpoint(first);
        using var backup = await Backup.Make(first.Database);
        await first.Ask("engineer", "orders-read");
        await Checkpoint(first);
        var remembers = first.Services.GetRequiredService<CheckpointChains>();
        Assert.Equal(2, (await remembers.Current(Cancel)).Last!.Number);
        var drawn = await Log(first).Drawn(Cancel);
        await first.Stop();
        await backup.Restore();

        // the restored log comes as far again, and further
        var second = await Start(first, every: "01:00:00", directory: Scratch());
        for (var more = 0; more < 2; more++)
        {
            do
            {
                await second.Ask("engineer", "orders-read");
            }
            while (await Log(second).Drawn(Cancel) < drawn);
            await Checkpoint(second);
        }
        var before = await Taken(second);
        Assert.Equal(3, before.Count);
        first.Services.GetRequiredService<NpgsqlDataSource>().Clear(); // the restoring has ended its connections
        var stale = await remembers.Current(Cancel);
        Assert.Equal((3L, before[^1].Checkpoint.Hash()), (stale.Version, stale.Last!.Hash())); // its newest is the log's: only what is behind it is not
        var refused = await Assert.ThrowsAsync<InvalidOperationException>(() => first.Services.GetRequiredService<TakeCheckpoint>().Handle(stale, Cancel));
        Assert.Contains("is not the one that is remembered", refused.Message, StringComparison.Ordinal);
        Assert.Equal(before.Count, (await Taken(second)).Count);

        // whoever has read it from its beginning goes on
        await second.Ask("engineer", "orders-read");
        await Checkpoint(second);
        Assert.Equal(4, (await Taken(second)).Count);
        FaultReport.Saw($"refused with `{refused.Message}`; the restored log's own checkpoints went on from {before.Count} to 4");
    }

    private static EventLog Log(ControlPlaneHost host) => host.Services.GetRequiredService<EventLog>();

    /// <summary>One that covers everything up to now.</summary>
    private static async Task Checkpoint(ControlPlaneHost host) =>
        await host.Services.GetRequiredService<TakeCheckpoint>().Covering(await Log(host).Drawn(Cancel), Cancel);

    [Fact]
    public async Task Of_two_control_planes_one_takes_the_checkpoints_and_the_other_goes_on_when_it_ends()
    {
        var first = await Start();
        await Start(first);
        await Until(async () => (await Taken(first)).Count >= 3, "no three checkpoints were taken");
        var third = await Start(first);
        await hosts[1].DisposeAsync();
        hosts.RemoveAt(1);
        var before = (await Taken(third)).Count;
        await Until(async () => (await Taken(third)).Count >= before + 2, "nobody took over");
        var taken = await Taken(third);
        Assert.Equal(Enumerable.Range(1, taken.Count).Select(n => (long)n), taken.Select(t => t.Checkpoint.Number));
        Assert.All(taken.Zip(taken.Skip(1)), pair => Assert.InRange(pair.Second.Checkpoint.At - pair.First.Checkpoint.At, TimeSpan.FromSeconds(1), Patience));
        await Until(() => Task.FromResult(Directory.Exists(first.Checkpoints) && Directory.GetFiles(first.Checkpoints).Length >= taken.Count), "their files are missing");
        var ran = await EvidenceWorld.VerifyFiles(first.Checkpoints);
        Assert.True(ran.Status == 0, ran.Error);
    }

    [Fact]
    public async Task A_directory_that_cannot_be_written_is_told_and_gets_everything_when_it_can()
    {
        var blocked = Path.GetTempFileName(); // a file where the directory should be
        scratch.Add(blocked);
        var host = await Start(directory: blocked);
        await Until(async () => (await Health(host)).Status == "degraded", "nobody was told");
        var (status, checks, code) = await Health(host);
        Assert.Equal(HttpStatusCode.OK, code); // an outage of the directory locks nobody out
        Assert.Matches(@"number \d+ is not in its directory", checks["checkpoints"]);
        var before = (await Taken(host)).Count;
        Assert.True(before > 1, "checkpoints stopped with the directory");
        File.Delete(blocked);
        await Until(() => Task.FromResult(Directory.Exists(blocked) && Directory.GetFiles(blocked).Length >= before), "what was missed is missing for good");
        await Until(async () => (await Health(host)).Status == "ready", "it is not well again");
        var ran = await EvidenceWorld.VerifyFiles(blocked);
        Assert.True(ran.Status == 0, ran.Error);
    }

    /// <summary>As on a medium that is written once: files come in, and not even root takes one out or writes it again.</summary>
    [Fact]
    public async Task A_directory_to_which_can_only_be_added_is_enough()
    {
        var only = Scratch();
        var made = await Programs.Run("chattr", new Dictionary<string, string>(), "+a", only);
        Assert.SkipUnless(made.Status == 0, $"this file system, or who runs this, makes no such directory: {made.Error}");
        try
        {
            var host = await Start(directory: only);
            await Until(async () => Directory.GetFiles(only, "*.json").Length >= 2 && (await Taken(host)).Count >= 2, "the checkpoints are not written");
            Assert.Throws<UnauthorizedAccessException>(() => File.Delete($"{only}/0000000001.json"));
            Assert.Equal("ready", (await Health(host)).Status);
            var ran = await EvidenceWorld.VerifyFiles(only);
            Assert.True(ran.Status == 0, ran.Error);
        }
        finally
        {
            await Programs.Run("chattr", new Dictionary<string, string>(), "-a", only);
        }
    }

    [Fact]
    public void One_is_taken_every_minute_where_nobody_says_otherwise() => Assert.Equal(TimeSpan.FromMinutes(1), new EvidenceOptions().Every);

    private static async Task<(string Status, Dictionary<string, string> Checks, HttpStatusCode Code)> Health(ControlPlaneHost host)
    {
        using var anyone = host.Client();
        using var answer = await anyone.GetAsync(new Uri("/health/ready", UriKind.Relative), Cancel);
        var body = JsonSerializer.Deserialize<JsonElement>(await answer.Content.ReadAsStringAsync(Cancel));
        return (body.GetProperty("status").GetString()!, body.GetProperty("checks").Deserialize<Dictionary<string, string>>()!, answer.StatusCode);
    }

    [Fact]
    public async Task A_new_directory_gets_the_whole_chain_and_a_file_that_is_there_is_not_touched()
    {
        var host = await Start(every: "01:00:00");
        var take = host.Services.GetRequiredService<TakeCheckpoint>();
        var log = host.Services.GetRequiredService<EventLog>();
        for (var i = 0; i < 3; i++)
        {
            await host.Publish($"{SharedControlPlane.Policy}\n# {i}\n");
            await take.Covering(await log.Drawn(Cancel), Cancel);
        }
        await Until(() => Task.FromResult(Directory.Exists(host.Checkpoints) && Directory.GetFiles(host.Checkpoints).Length == 3), "the files are missing");
        var elsewhere = Scratch();
        File.Copy($"{host.Checkpoints}/0000000002.json", $"{elsewhere}/0000000002.json");
        var untouched = File.GetLastWriteTimeUtc($"{elsewhere}/0000000002.json");
        await new WhenCheckpointTaken(log, Folder(elsewhere), host.Services.GetRequiredService<LogHistories>(), NullLogger<WhenCheckpointTaken>.Instance).Begin(await log.Drawn(Cancel), Cancel);
        Assert.Equal(3, Directory.GetFiles(elsewhere).Length);
        Assert.Equal(untouched, File.GetLastWriteTimeUtc($"{elsewhere}/0000000002.json"));
        Assert.Equal(await File.ReadAllTextAsync($"{host.Checkpoints}/0000000003.json", Cancel), await File.ReadAllTextAsync($"{elsewhere}/0000000003.json", Cancel));
    }

    [Fact]
    public async Task A_half_written_file_stays_and_the_whole_one_gets_the_next_name_and_another_is_never_written_over()
    {
        var host = await Start(every: "01:00:00");
        await host.Publish(SharedControlPlane.Policy);
        await host.Services.GetRequiredService<TakeCheckpoint>().Covering(await host.Services.GetRequiredService<EventLog>().Drawn(Cancel), Cancel);
        var taken = (await Taken(host)).Single();
        var directory = Scratch();
        var folder = Folder(directory);
        await File.WriteAllTextAsync($"{directory}/0000000001.json", JsonSerializer.Serialize(taken, Json.Options)[..80], Cancel);
        Assert.True(folder.Keep(taken));
        Assert.False(folder.Keep(taken));
        Assert.Equal(["0000000001-2.json", "0000000001.json"], Directory.GetFiles(directory).Select(Path.GetFileName).Order(StringComparer.Ordinal));
        Assert.Equal(0, (await EvidenceWorld.VerifyFiles(directory)).Status);
        var other = taken with { Checkpoint = taken.Checkpoint with { Tip = taken.Checkpoint.Tip + 1 } };
        Assert.Contains("the log was set back", Assert.Throws<IOException>(() => folder.Keep(other)).Message, StringComparison.Ordinal);
    }

    private static CheckpointFolder Folder(string directory) => new(Options.Create(new EvidenceOptions { Checkpoints = directory }));

    [Fact]
    public async Task A_session_that_is_deleted_in_the_database_is_missed()
    {
        var world = new EvidenceWorld();
        await world.InitializeAsync();
        var period = $"from={world.Began:yyyy-MM-ddTHH:mm:ss.ffffffZ}";
        Assert.Equal(0, (await EvidenceWorld.Verify(await world.Export(period))).Status);
        await using (var database = NpgsqlDataSource.Create(world.Host.Database))
        {
            await using var delete = database.CreateCommand(
                "ALTER TABLE accessplane.mt_events DISABLE TRIGGER ap_only_grows; DELETE FROM accessplane.mt_events WHERE stream_id = $1".Replace("$1", $"'{world.Second}'", StringComparison.Ordinal));
            await delete.ExecuteNonQueryAsync(Cancel);
        }
        var ofPeriod = await EvidenceWorld.Verify(await world.Export(period));
        Assert.True(ofPeriod.Status == 1, ofPeriod.Out);
        Assert.Contains($"agent {world.Agent}: 3 of its sessions on orders began in this time, 2 are here: number 2 is missing", ofPeriod.Error, StringComparison.Ordinal);
        var ofRequest = await EvidenceWorld.Verify(await world.Export($"request={world.Request}"));
        Assert.Contains($"session {world.Second}: checkpoint", ofRequest.Error, StringComparison.Ordinal);
        Assert.Contains("the log holds none any more", await EvidenceWorld.Export(world.Host, $"request={world.Request}", "text/html"), StringComparison.Ordinal);
        await world.DisposeAsync();
    }
}

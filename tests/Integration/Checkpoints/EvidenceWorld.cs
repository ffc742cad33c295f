using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using AccessPlane.Contracts;
using AccessPlane.Contracts.Events;
using AccessPlane.Contracts.Policy;
using AccessPlane.Contracts.Transcripts;
using AccessPlane.ControlPlane.EventStore;
using AccessPlane.ControlPlane.Evidence;
using AccessPlane.ControlPlane.Keys;
using AccessPlane.ControlPlane.Sessions;
using AccessPlane.Tests.Integration.Agents;
using AccessPlane.Tests.Integration.Console;
using AccessPlane.Tests.Integration.Wire;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace AccessPlane.Tests.Integration.Checkpoints;

/// <summary>
/// A control plane with a past: a request that was reviewed, two sessions under its grant, and a third of another person; each behind a checkpoint of
/// its own.
/// </summary>
public sealed class EvidenceWorld : IAsyncLifetime
{
    private readonly string scratch = Directory.CreateTempSubdirectory("accessplane-evidence-").FullName;
    private EnrolledAgent? agent;
    private int copies;

    internal ControlPlaneHost Host { get; private set; } = null!;
    internal Guid Request { get; private set; }
    internal Guid First { get; private set; }
    internal Guid Second { get; private set; }
    internal Guid Others { get; private set; }
    internal DateTimeOffset Began { get; private set; }

    /// <summary>The file of a pack with one session, and a directory of checkpoints: from before any test.</summary>
    internal string SmallPack => Path.Combine(scratch, "pack.json");
    internal string FirstFiles { get; private set; } = "";

    internal EventLog Log => Host.Services.GetRequiredService<EventLog>();
    internal SigningKeys Keys => Host.Services.GetRequiredService<SigningKeys>();

    /// <summary>As the control plane signs at this moment.</summary>
    internal string Sign(byte[] bytes) => Keys.Sign(bytes, Keys.SigningPublicKey);
    internal string Agent => agent!.Id;
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;
    private static string Verifier => $"{Servers.Need("ACCESSPLANE_TEST_ROOT")}/infra/verify-evidence";

    public async ValueTask InitializeAsync()
    {
        Host = await ControlPlaneHost.Start(settings: ShownPage.Settings);
        await Host.Publish(SharedControlPlane.Policy);
        agent = await EnrolledAgent.Enrol(Host, $"orders-{Guid.CreateVersion7():N}"[..30], "orders");
        await Checkpoint();
        Began = TimeProvider.System.GetUtcNow();
        Request = await Host.Ask("engineer", "orders-write");
        var grant = await Approved(Request);
        await Checkpoint();
        First = await Record(grant, 1, "delete from shop.orders where note = '<b>\"é\"</b>'", "select 1", "select 2");
        await Checkpoint();
        Second = await Record(grant, 2, "select 3");
        await Checkpoint();
        Others = await Record(await Active(await Host.Ask("engineer2", "orders-read"), "engineer2"), 3, "select 4");
        await Checkpoint();
        FirstFiles = await CopyOfFiles();
        await File.WriteAllTextAsync(SmallPack, await Export($"session={Second}"), new UTF8Encoding(false), Cancel);
    }

    public async ValueTask DisposeAsync()
    {
        // where the beginning failed there is nothing to end, and that failure is the one to be shown
        if (agent is not null)
        {
            await agent.DisposeAsync();
        }
        await Host.DisposeAsync();
        Directory.Delete(scratch, recursive: true);
    }

    /// <summary>One that covers everything up to now.</summary>
    internal async Task<CheckpointChain> Checkpoint() => await Host.Services.GetRequiredService<TakeCheckpoint>().Covering(await Log.Drawn(Cancel), Cancel);

    internal async Task<Guid> Approved(Guid request)
    {
        await Call("dba", "dba", $"/v1/requests/{request}/reviews", new { verdict = "approve", comment = "the ticket is known" });
        return await Active(request, "engineer");
    }

    private async Task<Guid> Active(Guid request, string holder)
    {
        var grant = (await Host.Get($"/v1/requests/{request}")).GetProperty("grantId").GetGuid();
        await Call(holder, "engineering", $"/v1/grants/{grant}/activate", new { });
        return grant;
    }

    private async Task Call(string subject, string group, string path, object body)
    {
        using var client = Host.Client(subject, group);
        using var answer = await client.PostAsJsonAsync(path, body, Cancel);
        Assert.True(answer.IsSuccessStatusCode, await answer.Content.ReadAsStringAsync(Cancel));
    }

    /// <summary>A session as its agent would have sent it: a segment for the start, one for each statement, one for the end.</summary>
    internal Task<Guid> Record(Guid grant, long number, params string[] statements) => Record(grant, number, [], statements);

    /// <param name="lost">Numbers of segments that never arrive.</param>
    internal Task<Guid> Record(Guid grant, long number, int[] lost, params string[] statements) => Record(
        Guid.CreateVersion7(), grant, number, lost,
        [.. statements.Select((text, i) => new TranscriptEntry[]
        {
            new(0, default, "statement", Op: i + 1, Protocol: "simple", Text: text, Statements: ["select"], Effect: Effect.Allow, Policy: 1),
            new(0, default, "result", Op: i + 1, Outcome: "completed", Status: "I", Rows: 1, Tag: "SELECT 1"),
        })]);

    /// <summary>Likewise, with whatever its agent had to say between the start and the end; their numbers are those of their places.</summary>
    internal async Task<Guid> Record(Guid session, Guid grant, long number, int[] lost, IEnumerable<TranscriptEntry[]> said)
    {
        var issued = (await Log.ReadStream(grant, Cancel)).Select(s => s.Event).OfType<GrantIssued>().Single();
        var now = TimeProvider.System.GetUtcNow();
        var start = new SessionStart(
            session, grant, issued.Entitlement, "orders", Agent, number, issued.Holder, "orders", "127.0.0.1:5", "psql", "token", 1, "15.4");
        List<TranscriptEntry[]> parts = [[new(0, now, "start", start)], .. said, [new(0, now, "end", Cause: "closed")]];
        var ingest = Host.Services.GetRequiredService<IngestSegment>();
        var head = HashChain.Begin(session);
        var seq = 0;
        foreach (var (part, i) in parts.Select((p, i) => (p, i)))
        {
            var (before, first) = (Convert.ToHexStringLower(head), seq + 1);
            var lines = part.Select(e => JsonSerializer.Serialize(e with { Seq = ++seq, At = now }, Json.Options)).ToList();
            lines.ForEach(line => HashChain.Advance(head, Encoding.UTF8.GetBytes(line)));
            var segment = new Segment(
                session, Agent, i + 1, first, seq, before, Convert.ToHexStringLower(head), i == parts.Count - 1, string.Join('\n', lines) + "\n", "");
            if (!lost.Contains(segment.Number))
            {
                segment = segment.SignWith(agent!.Key);
                var ingested = await ingest.Handle(segment, agent.Key, Cancel);
                // something is missing when it is said twice
                ingested = ingested == Ingested.NotYet ? await ingest.Handle(segment, agent.Key, Cancel) : ingested;
                Assert.Null(ingested.Refused);
            }
        }
        return session;
    }

    internal Task<string> Export(string query) => Export(Host, query);

    internal static async Task<string> Export(ControlPlaneHost host, string query, string accept = "application/json")
    {
        using var auditor = host.Client("auditor", "auditors");
        auditor.DefaultRequestHeaders.Accept.Add(MediaTypeWithQualityHeaderValue.Parse(accept));
        using var answer = await auditor.GetAsync(new Uri($"/v1/audit/evidence?{query}", UriKind.Relative), Cancel);
        var text = await answer.Content.ReadAsStringAsync(Cancel);
        Assert.True(answer.IsSuccessStatusCode, text);
        return text;
    }

    /// <summary>A copy of the checkpoints' files, as soon as they are there up to the last one.</summary>
    internal async Task<string> CopyOfFiles()
    {
        var last = (await Checkpoint()).Last!.Number;
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(Cancel);
        patience.CancelAfter(TimeSpan.FromSeconds(90));
        var newest = Path.Combine(Host.Checkpoints, $"{last:D10}.json");
        while (!File.Exists(newest) || !(await File.ReadAllTextAsync(newest, Cancel)).EndsWith('\n'))
        {
            await Task.Delay(20, patience.Token);
        }
        var copy = Directory.CreateDirectory(Path.Combine(scratch, $"checkpoints-{Interlocked.Increment(ref copies)}")).FullName;
        foreach (var file in Directory.GetFiles(Host.Checkpoints))
        {
            File.Copy(file, Path.Combine(copy, Path.GetFileName(file)));
        }
        return copy;
    }

    /// <summary>What infra/verify-evidence says.</summary>
    internal static async Task<Programs.Output> Verify(string pack, params string[] further)
    {
        var file = Path.GetTempFileName();
        try
        {
            await File.WriteAllTextAsync(file, pack, new UTF8Encoding(false), Cancel);
            return await Programs.Run(Verifier, new Dictionary<string, string>(), [file, .. further]);
        }
        finally
        {
            File.Delete(file);
        }
    }

    internal static Task<Programs.Output> VerifyFiles(string directory, params string[] further) =>
        Programs.Run(Verifier, new Dictionary<string, string>(), ["--checkpoints", directory, .. further]);
}

using System.Diagnostics;
using System.Net;
using System.Net.Http.Json;
using System.Security.Cryptography;
using System.Text.Json;
using AccessPlane.Contracts;
using AccessPlane.Contracts.Messages;
using AccessPlane.Tests.Integration.Agents;
using AccessPlane.Tests.Integration.Checkpoints;
using AccessPlane.Tests.Integration.Wire;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;
using Xunit;

namespace AccessPlane.Tests.Integration.Keys;

/// <summary>An agent's own key is changed beneath sessions that are open, and evidence that either key signed stays verifiable.</summary>
public sealed class AgentKeyTests : IAsyncLifetime
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);
    private readonly string database = LiveAgent.NewDatabase();
    private ControlPlaneHost host = null!;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;
    private static string Transcripts => Path.Combine(Servers.Need("ACCESSPLANE_TEST_ROOT"), "infra", "verify-transcript");

    public async ValueTask InitializeAsync()
    {
        host = await ControlPlaneHost.Start(settings: ["--Evidence:Every=00:00:01"]);
        await host.Publish(SharedControlPlane.Policy.Replace("databases: [orders]", $"databases: [{database}]", StringComparison.Ordinal));
    }

    public ValueTask DisposeAsync() => host.DisposeAsync();

    private static async Task Until(Func<Task<bool>> holds, Func<string> otherwise)
    {
        var patience = Stopwatch.StartNew();
        while (!await holds())
        {
            Assert.True(patience.Elapsed < Patience, otherwise());
            await Task.Delay(50, Cancel);
        }
    }

    private async Task<HttpStatusCode> Rotate(string agent, object body, string who = "admin", string group = "admins")
    {
        using var client = host.Client(who, group);
        using var answer = await client.PostAsJsonAsync($"/v1/agents/{agent}/rotate-key", body, Cancel);
        return answer.StatusCode;
    }

    private async Task<string?> KeyOf(string agent) => (await host.Get($"/v1/agents/{agent}")).GetProperty("publicKey").GetString();

    private async Task<int> Parts() => (await host.Services.GetRequiredService<ControlPlane.EventStore.EventLog>().ReadAll(0, ["transcript_recorded"], 1_000, Cancel)).Count;

    private async Task<NpgsqlConnection> Enter()
    {
        var grant = (await host.Get($"/v1/requests/{await host.Ask("engineer", "orders-read")}")).GetProperty("grantId").GetGuid();
        using var client = host.Client("engineer", "engineering");
        JsonElement at = default;
        await Until(
            async () =>
            {
                using var answer = await client.PostAsJsonAsync($"/v1/grants/{grant}/tickets", new { database }, Cancel);
                at = await answer.Content.ReadFromJsonAsync<JsonElement>(Cancel);
                return answer.StatusCode == HttpStatusCode.Created;
            },
            () => $"no ticket: {at}");
        var session = new NpgsqlConnection(
            $"Host=127.0.0.1;Port={at.GetProperty("port").GetInt32()};Username={at.GetProperty("username").GetString()};Password={at.GetProperty("password").GetString()};" +
            $"Database={database};SSL Mode=Disable;Pooling=false;No Reset On Close=true");
        await session.OpenAsync(Cancel);
        return session;
    }

    private static async Task Run(NpgsqlConnection session, string sql)
    {
        await using var command = new NpgsqlCommand(sql, session);
        await command.ExecuteNonQueryAsync(Cancel);
    }

    private async Task<string> Text(string path)
    {
        using var client = host.Client("auditor", "auditors");
        return await client.GetStringAsync(new Uri(path, UriKind.Relative), Cancel);
    }

    [Fact]
    public async Task One_key_follows_another_beneath_an_open_session_and_what_either_signed_is_verified_offline()
    {
        var id = $"orders-{Guid.CreateVersion7():N}"[..30];
        await using var agent = await LiveAgent.Start(host, id, database);
        var first = await KeyOf(id);
        var session = await Enter();
        await Run(session, "select 1 as signed_with_the_first");
        await Until(async () => await Parts() > 0, () => "nothing was recorded");

        Assert.Equal(HttpStatusCode.Forbidden, await Rotate(id, new { reason = "why not" }, "engineer", "engineering"));
        Assert.Equal(HttpStatusCode.UnprocessableEntity, await Rotate(id, new { reason = "" }));
        Assert.Equal(HttpStatusCode.NotFound, await Rotate("nobody", new { reason = "it is time" }));
        var took = Stopwatch.StartNew();
        Assert.Equal(HttpStatusCode.Accepted, await Rotate(id, new { reason = "it is time", overlap = "PT1H" }));
        await Until(async () => await KeyOf(id) != first, () => "no other key was announced");
        took.Stop();
        var second = await KeyOf(id);
        await Until(() => Task.FromResult(agent.PublicKey == second), () => "the agent does not sign with what it announced");
        var before = await Parts();
        await Run(session, "select 2 as signed_with_the_second");
        await session.DisposeAsync();
        await Until(async () => await Parts() > before, () => "nothing is recorded any more");
        JsonElement seen = default;
        await Until(async () => (seen = (await host.Get("/v1/sessions")).GetProperty("items")[0]).GetProperty("state").GetString() == "Closed", () => $"the session has no end: {seen}");

        using var folder = new StateFolder();
        var at = $"/v1/sessions/{seen.GetProperty("id").GetString()}";
        await File.WriteAllTextAsync(folder.File("transcript"), await Text($"{at}/transcript"), Cancel);
        await File.WriteAllTextAsync(folder.File("segments"), await Text($"{at}/segments"), Cancel);
        await File.WriteAllTextAsync(folder.File("agent"), await Text($"/v1/agents/{id}"), Cancel);
        await File.WriteAllTextAsync(folder.File("first"), first, Cancel);
        await File.WriteAllTextAsync(folder.File("second"), second, Cancel);
        Task<Programs.Output> Verify(string key, params string[] more) =>
            Programs.Run(Transcripts, new Dictionary<string, string>(), [folder.File("transcript"), folder.File("segments"), folder.File(key), .. more]);
        foreach (var known in (string[])["first", "second"])
        {
            var ran = await Verify(known, folder.File("agent"));
            Assert.True(ran.Status == 0, ran.Error);
            Assert.Equal(1, (await Verify(known)).Status); // of the other's parts it says nothing
        }
        var forged = (await File.ReadAllTextAsync(folder.File("agent"), Cancel)).Replace("\"acceptance\":\"", "\"acceptance\":\"AAAA", StringComparison.Ordinal);
        await File.WriteAllTextAsync(folder.File("agent"), forged, Cancel);
        Assert.Equal(1, (await Verify("first", folder.File("agent"))).Status);

        var pack = await EvidenceWorld.Export(host, $"session={seen.GetProperty("id").GetString()}");
        Assert.Contains("agent_key_announced", pack, StringComparison.Ordinal);
        var all = await EvidenceWorld.Verify(pack);
        Assert.True(all.Status == 0, all.Error);
        FaultReport.Saw($"beneath 1 open session: the new key was in the log {took.Elapsed.TotalSeconds:0.0} s after the order, {await Parts()} parts of one transcript are signed by the one and the other, all verified offline from either key; 0 gaps");
    }

    [Fact]
    public async Task Nobody_but_the_agent_can_announce_one_and_the_one_before_is_believed_until_the_overlap_is_over()
    {
        await using var agent = await EnrolledAgent.Enrol(host, $"raw-{Guid.CreateVersion7():N}"[..30], "orders");
        using var stranger = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        using var next = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var first = AgentKeyAnnouncement.PublicOf(agent.Key);
        await agent.Send(ReportKinds.AgentKey, AgentKeyAnnouncement.Of(agent.Id, 2, agent.Key, next)); // nobody asked for it
        // known as such before somebody does: reports are taken side by side
        await Until(
            async () => (await host.Get($"/v1/audit/events?stream={Ids.Agent(agent.Id)}&limit=100")).GetProperty("items").EnumerateArray()
                .Any(e => e.GetProperty("type").GetString() == "evidence_gap_found"),
            () => "an announcement that nobody asked for is no finding");
        Assert.Equal(HttpStatusCode.Accepted, await Rotate(agent.Id, new { reason = "it is time", overlap = "PT5S" }));
        Assert.Equal(new AgentKeyWord(first, 1, 2), await Word(agent, agent.Key));

        var good = AgentKeyAnnouncement.Of(agent.Id, 2, agent.Key, next);
        foreach (var bad in (AgentKeyAnnouncement[])[
            AgentKeyAnnouncement.Of(agent.Id, 2, stranger, next), AgentKeyAnnouncement.Of(agent.Id, 3, agent.Key, next), AgentKeyAnnouncement.Of("another", 2, agent.Key, next),
            good with { Signature = good.Acceptance }, good with { Acceptance = good.Signature }, good with { PublicKey = AgentKeyAnnouncement.PublicOf(stranger) }])
        {
            await agent.Send(ReportKinds.AgentKey, bad);
        }
        Assert.Equal(new AgentKeyWord(first, 1, 2), await Word(agent, agent.Key));

        await agent.Send(ReportKinds.AgentKey, good);
        await Until(async () => await KeyOf(agent.Id) == good.PublicKey, () => "the announcement was not taken");
        await agent.Send(ReportKinds.AgentKey, good); // again: nothing more
        Assert.Equal(new AgentKeyWord(good.PublicKey, 2, 2), await Word(agent, next));
        var old = new Report(agent.Id, Guid.CreateVersion7(), ReportKinds.LeaseAsk, "{}", default, "").SignWith(agent.Key);
        var keys = host.Services.GetRequiredService<ControlPlane.Agents.AgentKeys>();
        await Until(async () => await keys.KeysOf(old, Cancel) is null, () => "the key before is believed for ever");
        Assert.Equal(new AgentKeyWord(good.PublicKey, 2, 2), await Word(agent, next));
        var announced = (await host.Get($"/v1/agents/{agent.Id}")).GetProperty("keys");
        Assert.Equal(1, announced.GetArrayLength());
        Assert.Equal(first, announced[0].GetProperty("previous").GetString());
    }

    private static async Task<AgentKeyWord?> Word(EnrolledAgent agent, ECDsa with)
    {
        var nonce = Guid.CreateVersion7();
        await agent.Send(ReportKinds.LeaseAsk, new LeaseAsk(nonce, 0), with: with);
        LeaseAnswer answer;
        do
        {
            answer = agent.Next<LeaseAnswer>(DirectiveKinds.Lease);
        }
        while (answer.Nonce != nonce);
        return answer.Key;
    }
}

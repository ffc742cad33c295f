using System.Net;
using System.Net.Http.Json;
using System.Security.Cryptography;
using System.Text.Json;
using AccessPlane.Contracts;
using AccessPlane.Contracts.Events;
using AccessPlane.Contracts.Messages;
using AccessPlane.ControlPlane.Agents;
using AccessPlane.ControlPlane.EventStore;
using AccessPlane.ControlPlane.Keys;
using AccessPlane.Tests.Integration.Agents;
using AccessPlane.Tests.Integration.Checkpoints;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace AccessPlane.Tests.Integration.Keys;

/// <summary>The control plane's keys are rotated beneath an agent that serves, and evidence from before stays verifiable.</summary>
public sealed class KeyTests : IAsyncLifetime
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(90);
    private ControlPlaneHost host = null!;
    private ControlPlaneHost? second;
    private LiveAgent agent = null!;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;
    private SigningKeys Keys => host.Services.GetRequiredService<SigningKeys>();

    public async ValueTask InitializeAsync()
    {
        host = await ControlPlaneHost.Start(settings: ["--Evidence:Every=00:00:01"]);
        var database = LiveAgent.NewDatabase();
        await host.Publish(SharedControlPlane.Policy.Replace("databases: [orders]", $"databases: [{database}]", StringComparison.Ordinal));
        agent = await LiveAgent.Start(host, $"orders-{Guid.CreateVersion7():N}"[..30], database);
    }

    public async ValueTask DisposeAsync()
    {
        await agent.DisposeAsync();
        if (second is not null)
        {
            await second.DisposeAsync();
        }
        await host.DisposeAsync();
    }

    private async Task<JsonElement> Post(string path, object body)
    {
        using var admin = host.Client("admin", "admins");
        using var answer = await admin.PostAsJsonAsync(path, body, Cancel);
        var text = await answer.Content.ReadAsStringAsync(Cancel);
        Assert.True(answer.StatusCode == HttpStatusCode.OK, text);
        return JsonSerializer.Deserialize<JsonElement>(text);
    }

    private static async Task Until(Func<Task<bool>> holds, string otherwise)
    {
        using var patience = new CancellationTokenSource(Patience);
        while (!await holds())
        {
            Assert.False(patience.IsCancellationRequested, otherwise);
            await Task.Delay(50, Cancel);
        }
    }

    private async Task<List<string>> CheckpointKeys() =>
        [.. (await host.Services.GetRequiredService<EventLog>().ReadStream(Ids.Checkpoints, Cancel)).Select(s => ((EvidenceCheckpointed)s.Event).Checkpoint.Key)];

    private static string Fingerprint(string key) => $"sha256:{Convert.ToHexStringLower(SHA256.HashData(Convert.FromBase64String(key)))}";

    private static string StateOf(JsonElement keys, string use, string key) =>
        keys.GetProperty(use).EnumerateArray().Single(k => k.GetProperty("publicKey").GetString() == key).GetProperty("state").GetString()!;

    [Fact]
    public async Task One_signing_key_follows_another_and_what_the_first_signed_stays_verifiable()
    {
        var first = Keys.SigningPublicKey;
        await Until(async () => (await CheckpointKeys()).Count > 1, "no checkpoint was taken");
        using (var engineer = host.Client("engineer", "engineering"))
        {
            using var not = await engineer.PostAsJsonAsync("/v1/keys/signing/rotate", new { reason = "why not" }, Cancel);
            Assert.Equal(HttpStatusCode.Forbidden, not.StatusCode);
        }
        var rotated = await Post("/v1/keys/signing/rotate", new { reason = "it is time", overlap = "PT1H" });
        Assert.Equal("Current", StateOf(rotated, "signing", first));
        Assert.Equal(first, Keys.SigningPublicKey);
        // a replica that starts meanwhile takes up the same keys
        second = await ControlPlaneHost.Start(like: host);
        Assert.Equal(first, second.Services.GetRequiredService<SigningKeys>().SigningPublicKey);

        await Post("/v1/keys/signing/retire", new { reason = "everybody knows the new one" });
        var next = Keys.SigningPublicKey;
        Assert.NotEqual(first, next);
        await Until(() => Task.FromResult(second.Services.GetRequiredService<SigningKeys>().SigningPublicKey == next), "the other replica signs with the old key");
        await Until(async () => (await CheckpointKeys()).Last() == next, "the new key signs no checkpoint");

        // the agent follows: an order of now is signed with the new key, and acknowledged
        await host.Publish($"{SharedControlPlane.Policy}\n# after the rotation\n");
        var due = (await host.Services.GetRequiredService<AgentStateBuilder>().Current(Cancel)).Position;
        await Until(async () => (await host.Services.GetRequiredService<AgentAcks>().Status(Cancel)).Values.Single().Applied >= due, "the agent does not believe the new key");
        await Until(() => Task.FromResult(agent.WhyNotReady is null), $"the agent says `{agent.WhyNotReady}`");

        // offline, with either key as the one that is known from elsewhere
        var pack = await EvidenceWorld.Export(host, $"request={await host.Ask("engineer", "orders-read")}");
        foreach (var key in (string[])[first, next])
        {
            var ran = await EvidenceWorld.Verify(pack, "--key", Fingerprint(key));
            Assert.True(ran.Status == 0, ran.Error);
        }
        await Until(async () => (await EvidenceWorld.VerifyFiles(host.Checkpoints, "--key", Fingerprint(first))).Status == 0, "the directory cannot be verified over the rotation");
        Assert.Equal(1, (await EvidenceWorld.Verify(pack, "--key", Fingerprint(Keys.EncryptionPublicKey))).Status);
        var forged = pack.Replace("\"acceptance\":\"", "\"acceptance\":\"AAAA", StringComparison.Ordinal);
        Assert.Equal(1, (await EvidenceWorld.Verify(forged, "--key", Fingerprint(first))).Status);
    }

    [Fact]
    public async Task A_stolen_signing_key_is_worth_nothing_from_the_same_moment_on_and_an_encryption_key_opens_what_was_sealed_before()
    {
        var stolen = Keys.SigningPublicKey;
        var signature = Keys.Sign("a text"u8.ToArray(), Keys.SigningPublicKey);
        Assert.True(Keys.IsOurs("a text"u8.ToArray(), signature));
        var rotated = await Post("/v1/keys/signing/rotate", new { reason = "a laptop was stolen", compromised = true });
        Assert.Equal("Compromised", StateOf(rotated, "signing", stolen));
        Assert.NotEqual(stolen, Keys.SigningPublicKey);
        Assert.False(Keys.IsOurs("a text"u8.ToArray(), signature));

        using var before = ECDiffieHellman.Create();
        before.ImportSubjectPublicKeyInfo(Convert.FromBase64String(Keys.EncryptionPublicKey), out _);
        var box = Sealed.Seal(before, "a secret", "a context");
        await Post("/v1/keys/encryption/rotate", new { reason = "it is time" });
        Assert.Equal("a secret", Keys.Open(box, "a context"));
        using var after = ECDiffieHellman.Create();
        after.ImportSubjectPublicKeyInfo(Convert.FromBase64String(Keys.EncryptionPublicKey), out _);
        Assert.NotEqual(before.ExportSubjectPublicKeyInfo(), after.ExportSubjectPublicKeyInfo());
        Assert.Equal("a secret", Keys.Open(Sealed.Seal(after, "a secret", "a context"), "a context"));
        await Until(() => Task.FromResult(agent.Believes(Keys.SigningPublicKey, Keys.EncryptionPublicKey)), "the agent does not know the new keys");
        Assert.False(agent.Believes(stolen, Keys.EncryptionPublicKey));
        FaultReport.Saw("what the stolen key had signed was refused at once, by the control plane and by the agent; what was sealed to the encryption key before its rotation was opened");
    }
}

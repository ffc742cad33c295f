namespace AccessPlane.Tests.EndToEnd.World;

/// <summary>An exported transcript with what proves it, in a folder of its own, for infra/verify-transcript.</summary>
internal sealed class TranscriptFiles : IDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory("accessplane-transcript").FullName;

    public string Transcript
    {
        get => File.ReadAllText($"{folder}/transcript.ndjson");
        set => File.WriteAllText($"{folder}/transcript.ndjson", value);
    }

    public async Task Export(TestWorld world, string session)
    {
        Transcript = await world.Api.Raw("auditor", $"/v1/sessions/{session}/transcript");
        await File.WriteAllTextAsync($"{folder}/segments.ndjson", await world.Api.Raw("auditor", $"/v1/sessions/{session}/segments"));
        await File.WriteAllTextAsync($"{folder}/agent.key", (await world.Api.Get("auditor", "/v1/agents/orders-agent")).Is(200).Text("publicKey"));
    }

    public Task<Ran> Verify() => Run.ToEnd($"{TestWorld.Root}/infra/verify-transcript",
        [$"{folder}/transcript.ndjson", $"{folder}/segments.ndjson", $"{folder}/agent.key"]);

    public void Dispose() => Directory.Delete(folder, recursive: true);
}

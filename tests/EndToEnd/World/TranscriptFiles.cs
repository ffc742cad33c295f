namespace AccessPlane.Tests.EndToEnd.World;

/// <summary>An exported transcript with what proves it, in a folder of its own, for infra/verify-transcript.</summary>
internal sealed class TranscriptFiles : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("accessplane-transcript").FullName;

    public string Transcript
    {
        get => File.ReadAllText($"{_folder}/transcript.ndjson");
        set => File.WriteAllText($"{_folder}/transcript.ndjson", value);
    }

    public async Task Export(TestWorld world, string session)
    {
        Transcript = await world.Api.Raw("auditor", $"/v1/sessions/{session}/transcript");
        await File.WriteAllTextAsync($"{_folder}/segments.ndjson", await world.Api.Raw("auditor", $"/v1/sessions/{session}/segments"));
        await File.WriteAllTextAsync($"{_folder}/agent.key", (await world.Api.Get("auditor", "/v1/agents/orders-agent")).Is(200).Text("publicKey"));
    }

    public Task<Ran> Verify() => Run.ToEnd($"{TestWorld.Root}/infra/verify-transcript",
        [$"{_folder}/transcript.ndjson", $"{_folder}/segments.ndjson", $"{_folder}/agent.key"]);

    public void Dispose() => Directory.Delete(_folder, recursive: true);
}

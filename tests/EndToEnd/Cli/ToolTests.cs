using AccessPlane.Tests.EndToEnd.World;

namespace AccessPlane.Tests.EndToEnd.Cli;

/// <summary>The program as a dotnet tool. As a single file it is what the other tests run, where infra/test has had that published.</summary>
public sealed class ToolTests : IDisposable
{
    private const string Package = "AccessPlane.Cli";

    private readonly string home = Directory.CreateTempSubdirectory("accessplane-cli").FullName;

    public void Dispose() => Directory.Delete(home, recursive: true);

    [Fact]
    public async Task What_is_packed_can_be_installed_and_runs()
    {
        var settings = new Dictionary<string, string> { ["MSBUILDDISABLENODEREUSE"] = "1", ["DOTNET_NOLOGO"] = "1", ["DOTNET_CLI_TELEMETRY_OPTOUT"] = "1" };
        // of what infra/test has built
        (await Run.ToEnd("dotnet", ["pack", $"{TestWorld.Root}/Cli", "-c", "Debug", "--no-build", "-nologo", "-v", "quiet", "-o", $"{home}/packages"], settings)).Succeeded();
        var version = Path.GetFileNameWithoutExtension(Assert.Single(Directory.GetFiles($"{home}/packages", $"{Package}.*.nupkg")))[(Package.Length + 1)..];

        // in a home of its own, and no other source is asked
        settings["HOME"] = home;
        (await Run.ToEnd("dotnet", ["tool", "install", Package, "--tool-path", $"{home}/tool", "--source", $"{home}/packages"], settings)).Succeeded();
        Assert.StartsWith(version, (await Run.ToEnd($"{home}/tool/accessplane", ["--version"], settings)).Succeeded().Output, StringComparison.Ordinal);
    }
}

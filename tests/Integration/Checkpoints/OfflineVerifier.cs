using System.Diagnostics;
using System.Text.Json;
using AccessPlane.Contracts;
using AccessPlane.Contracts.Messages;
using AccessPlane.Tests.Unit.Architecture;
using Xunit;

namespace AccessPlane.Tests.Integration.Checkpoints;

/// <summary>infra/verify-evidence and infra/verify-transcript as they are run by somebody who has no server, and nothing of this code.</summary>
internal static class OfflineVerifier
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(1);

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public sealed record Said(int Status, string Text)
    {
        public void IsRight() => Assert.True(Status == 0, $"{Status}: {Text}");

        /// <param name="what">A pattern of what is said to be wrong.</param>
        public void IsWrong(string what)
        {
            Assert.True(Status == 1, $"{Status}: {Text}");
            Assert.Matches($"^wrong: {what}", Text);
        }
    }

    /// <param name="pack">Null where the directory alone is looked at.</param>
    /// <param name="checkpoints">The directory's files by their names; null where there is no directory.</param>
    public static Task<Said> Verify(string? pack, IReadOnlyDictionary<string, string>? checkpoints = null, params string[] further) => In(async folder =>
    {
        List<string> arguments = [Repository.PathOf("infra/verify-evidence"), .. further];
        if (pack is not null)
        {
            arguments.Add(await Write(folder, "pack.json", pack));
        }
        if (checkpoints is not null)
        {
            var directory = Directory.CreateDirectory(Path.Combine(folder, "checkpoints")).FullName;
            foreach (var (name, text) in checkpoints)
            {
                await Write(directory, name, text);
            }
            arguments.Add("--checkpoints");
            arguments.Add(directory);
        }
        return await Run([.. arguments]);
    });

    /// <summary>Of a transcript as the API gives it out.</summary>
    /// <param name="key">The one that is known from elsewhere, base64.</param>
    /// <param name="keys">How the agent's keys followed each other.</param>
    public static Task<Said> Transcript(MadeSession session, string key, params AgentKeyAnnouncement[] keys) => In(async folder => await Run(
    [
        Repository.PathOf("infra/verify-transcript"),
        await Write(folder, "transcript.ndjson", string.Join('\n', session.Lines)),
        await Write(folder, "segments.ndjson", string.Join('\n', session.Segments.Select(s => JsonSerializer.Serialize(s, Json.Options)))),
        await Write(folder, "agent.key", key),
        await Write(folder, "agent.json", JsonSerializer.Serialize(new { keys }, Json.Options)),
    ]));

    private static async Task<Said> In(Func<string, Task<Said>> work)
    {
        var folder = Directory.CreateTempSubdirectory("accessplane-verify-").FullName;
        try
        {
            return await work(folder);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static async Task<string> Write(string folder, string name, string text)
    {
        var path = Path.Combine(folder, name);
        await File.WriteAllTextAsync(path, text, Cancel);
        return path;
    }

    private static async Task<Said> Run(string[] arguments)
    {
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(Cancel);
        patience.CancelAfter(Patience);
        using var process = Process.Start(new ProcessStartInfo("node", arguments) { RedirectStandardOutput = true, RedirectStandardError = true })!;
        var (output, error) = (process.StandardOutput.ReadToEndAsync(patience.Token), process.StandardError.ReadToEndAsync(patience.Token));
        try
        {
            await process.WaitForExitAsync(patience.Token);
        }
        catch (OperationCanceledException)
        {
            process.Kill();
            throw;
        }
        return new Said(process.ExitCode, await output + await error);
    }
}

using AccessPlane.Tests.EndToEnd.World;

namespace AccessPlane.Tests.EndToEnd.Faults.World;

/// <summary>After all that was done to the product: its parts are ended, and what they have written is there.</summary>
internal static class LeftBehind
{
    /// <summary>In the log's events and read models, in transcripts, checkpoints, spools, logs, answers and what clients were told.</summary>
    /// <param name="folder">Of the state of all of its processes.</param>
    public static async Task NoSecret(Product product, string folder)
    {
        var sweep = SecretSweep.OfTheRun;
        var secrets = Directory.EnumerateFiles(folder, "*", SearchOption.AllDirectories)
            .Where(f => f.EndsWith(".pem", StringComparison.Ordinal) || Path.GetFileName(f) is "enrolment.json" or "password").ToHashSet();
        foreach (var secret in secrets)
        {
            sweep.KnowsFile(secret);
        }
        Assert.True(secrets.Count >= 4 && sweep.Known > 20, $"only {sweep.Known} secrets are known, {secrets.Count} of them files");
        var before = sweep.Looked;
        foreach (var (where, text) in product.Planes.SelectMany(p => p.Api.Said))
        {
            sweep.Look(where, text);
        }
        sweep.LookAtWhatWasHeard();
        sweep.LookInFiles(folder, but: secrets.Contains);
        sweep.LookInFiles($"{TestWorld.State}/logs");
        await sweep.LookInDatabase(product.Log, "the faults' log");
        Assert.True(sweep.Looked - before > 1_000, $"only {sweep.Looked - before} texts were looked at");
        Assert.True(sweep.Found.Count == 0, $"secrets stand where none may:\n{string.Join('\n', sweep.Found)}");
    }
}

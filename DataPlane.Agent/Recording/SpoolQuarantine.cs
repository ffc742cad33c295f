using System.Text.Json;
using AccessPlane.Contracts;
using AccessPlane.Contracts.Messages;

namespace AccessPlane.Agent.Recording;

/// <summary>Transcripts that cannot be read or that the control plane refuses, for people to look at: whatever was recorded is thrown away by nobody else.</summary>
internal sealed class SpoolQuarantine(string state)
{
    public string Folder { get; } = Path.Combine(state, "quarantine");

    /// <summary>Everything that was ever put here with a note, for the control plane to know.</summary>
    public IEnumerable<EvidenceGap> Noted() => Directory.Exists(Folder)
        ? Directory.EnumerateFiles(Folder, "*.gap").Order(StringComparer.Ordinal).Select(p => JsonSerializer.Deserialize<EvidenceGap>(File.ReadAllBytes(p), Json.Options)!)
        : [];

    public void Take(string path)
    {
        Directory.CreateDirectory(Folder);
        foreach (var part in Parts(path))
        {
            File.Move(part, Path.Combine(Folder, Path.GetFileName(part)), overwrite: true);
        }
    }

    /// <summary>With a note that is told at every start: who hears it twice takes it once.</summary>
    public void Take(string path, EvidenceGap why)
    {
        Note(path, why);
        Take(path);
    }

    /// <summary>A copy of a transcript of which a part cannot be read. The rest goes on.</summary>
    public void KeepCopy(string path, EvidenceGap why)
    {
        Note(path, why);
        foreach (var part in Parts(path))
        {
            File.Copy(part, Path.Combine(Folder, Path.GetFileName(part)), overwrite: true);
        }
    }

    private void Note(string path, EvidenceGap why)
    {
        Directory.CreateDirectory(Folder);
        File.WriteAllBytes(
            Path.Combine(Folder, $"{Path.GetFileNameWithoutExtension(path)}.{why.Kind}.gap"), JsonSerializer.SerializeToUtf8Bytes(why, Json.Options));
    }

    private static IEnumerable<string> Parts(string path) => new[] { path, SpoolFile.IndexOf(path) }.Where(File.Exists);
}

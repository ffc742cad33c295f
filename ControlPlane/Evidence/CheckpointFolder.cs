using System.Globalization;
using System.Text.Json;
using AccessPlane.Contracts;
using AccessPlane.Contracts.Events;
using Microsoft.Extensions.Options;

namespace AccessPlane.ControlPlane.Evidence;

/// <summary>
/// The checkpoints outside of the database, one file each. Files are created and never written again. One that a crash left half written stays, and the
/// whole one gets the next free name: `0000000042.json`, `0000000042-2.json`. After a rollback that an admin acknowledged the whole chain of the log as it
/// is begins anew in a directory of its own, `epoch-2` and so on: what was written before stays as it was.
/// </summary>
public sealed class CheckpointFolder(IOptions<EvidenceOptions> options)
{
    private const int MostTries = 9;
    private readonly string path = options.Value.Checkpoints;

    public bool Has(long number, long epoch = 1) => File.Exists(FileOf(number, 1, epoch));

    /// <summary>The last epoch from this one on that has a directory.</summary>
    public long LastEpoch(long from)
    {
        while (Directory.Exists(DirectoryOf(from + 1)))
        {
            from++;
        }
        return from;
    }

    /// <summary>The highest number of an epoch; 0 where there is none.</summary>
    public long Newest(long epoch) => Directory.Exists(DirectoryOf(epoch))
        ? Directory.EnumerateFiles(DirectoryOf(epoch), "*.json").Select(NumberOf).DefaultIfEmpty().Max()
        : 0;

    /// <summary>What was written; null where it is not there, or torn.</summary>
    public EvidenceCheckpointed? Read(long number, long epoch = 1)
    {
        for (var attempt = 1; attempt <= MostTries && File.Exists(FileOf(number, attempt, epoch)); attempt++)
        {
            if (Parse(File.ReadAllBytes(FileOf(number, attempt, epoch))) is { } taken)
            {
                return taken;
            }
        }
        return null;
    }

    /// <summary>Writes a checkpoint that is not there yet.</summary>
    /// <returns>Whether it was missing.</returns>
    /// <exception cref="IOException">The directory cannot be written, or holds something else under the number.</exception>
    public bool Keep(EvidenceCheckpointed taken, long epoch = 1)
    {
        ArgumentNullException.ThrowIfNull(taken);
        byte[] bytes = [.. JsonSerializer.SerializeToUtf8Bytes(taken, Json.Options), (byte)'\n'];
        Directory.CreateDirectory(DirectoryOf(epoch));
        for (var attempt = 1; attempt <= MostTries; attempt++)
        {
            var file = FileOf(taken.Checkpoint.Number, attempt, epoch);
            if (TryCreate(file, bytes))
            {
                return true;
            }
            var there = File.ReadAllBytes(file);
            if (there.Length < bytes.Length && bytes.AsSpan().StartsWith(there))
            {
                continue;
            }
            return Parse(there)?.Checkpoint.Hash() == taken.Checkpoint.Hash()
                ? false
                : throw new IOException(
                    $"`{file}` holds another checkpoint than the log: the log was set back or is not the one that wrote it. Keep the directory as evidence, " +
                    "and set `Evidence:Checkpoints` to an empty one, where nothing else says what to do");
        }
        throw new IOException($"checkpoint {taken.Checkpoint.Number} was left half written {MostTries} times");
    }

    private string DirectoryOf(long epoch) => epoch == 1 ? path : Path.Combine(path, string.Create(CultureInfo.InvariantCulture, $"epoch-{epoch}"));

    private static long NumberOf(string file) =>
        Path.GetFileName(file) is { Length: >= 10 } name && long.TryParse(name.AsSpan(0, 10), NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : 0;

    private string FileOf(long number, int attempt, long epoch) =>
        Path.Combine(DirectoryOf(epoch), string.Create(CultureInfo.InvariantCulture, $"{number:D10}{(attempt == 1 ? "" : $"-{attempt}")}.json"));

    private static bool TryCreate(string file, byte[] bytes)
    {
        try
        {
            using var created = new FileStream(file, new FileStreamOptions
            {
                Mode = FileMode.CreateNew,
                Access = FileAccess.Write,
                UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.GroupRead | UnixFileMode.OtherRead,
            });
            created.Write(bytes);
            created.Flush(flushToDisk: true);
            return true;
        }
        catch (IOException) when (File.Exists(file))
        {
            return false;
        }
    }

    /// <summary>Not by its bytes: a later version may write a member more. Null where it is no checkpoint.</summary>
    private static EvidenceCheckpointed? Parse(byte[] bytes)
    {
        try
        {
            return JsonSerializer.Deserialize<EvidenceCheckpointed>(bytes, Json.Options);
        }
        catch (JsonException)
        {
            return null;
        }
    }
}

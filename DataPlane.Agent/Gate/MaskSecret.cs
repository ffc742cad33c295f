using System.Security.Cryptography;

namespace AccessPlane.Agent.Gate;

/// <summary>What hashes of masked values are keyed by. It outlives the process, so that a value's hash is the same tomorrow, and never leaves the agent's
/// state folder.</summary>
internal static class MaskSecret
{
    private const int Length = 32;

    /// <param name="folder">The agent's state folder.</param>
    public static byte[] Open(string folder)
    {
        var path = Path.Combine(folder, "masks.key");
        if (!File.Exists(path))
        {
            Make(path);
        }
        var secret = File.ReadAllBytes(path);
        return secret.Length == Length ? secret : throw new InvalidDataException($"`{path}` is no key: take it away, and masked values get other hashes");
    }

    /// <summary>Beside it first: half a key is never found there.</summary>
    private static void Make(string path)
    {
        var beside = $"{path}.{Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(8))}";
        using (var file = new FileStream(beside, new FileStreamOptions
        {
            Mode = FileMode.CreateNew,
            Access = FileAccess.Write,
            UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite,
        }))
        {
            file.Write(RandomNumberGenerator.GetBytes(Length));
            file.Flush(flushToDisk: true);
        }
        File.Move(beside, path, overwrite: false);
    }
}

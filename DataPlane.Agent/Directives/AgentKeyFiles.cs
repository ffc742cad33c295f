using System.Security.Cryptography;
using System.Text;
using AccessPlane.Agent.Recording;

namespace AccessPlane.Agent.Directives;

/// <summary>The agent's own key in its state folder, and the one that is to follow it, readable by this user alone.</summary>
internal sealed class AgentKeyFiles(string state)
{
    private string KeyPath => Path.Combine(state, "agent.pem");
    private string NextPath => Path.Combine(state, "agent-next.pem");

    public ECDsa LoadOrMake() => File.Exists(KeyPath) ? Load(KeyPath) : Make(KeyPath);

    public ECDsa Load() => Load(KeyPath);

    /// <summary>On the disk before anybody hears of it: what the control plane believes must not be lost.</summary>
    public ECDsa Next() => File.Exists(NextPath) ? Load(NextPath) : Make(NextPath);

    public bool HasNext => File.Exists(NextPath);

    /// <summary>The next one takes the place of the one before, on the disk too: one that came back would sign behind the one that followed it.</summary>
    /// <exception cref="IOException">The disk failed.</exception>
    public void Promote()
    {
        File.Move(NextPath, KeyPath, overwrite: true);
        using var key = File.OpenHandle(KeyPath);
        new SpoolDisk().FlushAll(key);
    }

    public static void WriteSecret(string path, string text)
    {
        using (var file = new FileStream($"{path}.new", new FileStreamOptions
        {
            Mode = FileMode.Create,
            Access = FileAccess.Write,
            UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite,
        }))
        {
            file.Write(Encoding.UTF8.GetBytes(text));
            file.Flush(flushToDisk: true);
        }
        File.Move($"{path}.new", path, overwrite: true);
    }

    private static ECDsa Load(string path)
    {
        var key = ECDsa.Create();
        key.ImportFromPem(File.ReadAllText(path));
        return key;
    }

    private static ECDsa Make(string path)
    {
        var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        WriteSecret(path, key.ExportPkcs8PrivateKeyPem());
        return key;
    }
}

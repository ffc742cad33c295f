using System.Text;

namespace AccessPlane.ControlPlane.Keys;

/// <summary>A private key on disk, readable by this user alone. Of several replicas that make it at once, one is first.</summary>
internal static class KeyFile
{
    public static string ReadOrMake(string path, Func<string> make)
    {
        if (!File.Exists(path))
        {
            var mine = $"{path}.{Environment.ProcessId}";
            using (var file = new FileStream(mine, new FileStreamOptions
            {
                Mode = FileMode.Create,
                Access = FileAccess.Write,
                UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite,
            }))
            {
                file.Write(Encoding.ASCII.GetBytes(make()));
                file.Flush(flushToDisk: true);
            }
            try
            {
                File.Move(mine, path, overwrite: false);
            }
            catch (IOException) when (File.Exists(path))
            {
                // another replica was first: its key is the key
                File.Delete(mine);
            }
        }
        return File.ReadAllText(path);
    }
}

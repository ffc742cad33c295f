namespace AccessPlane.ControlPlane.Http;

/// <summary>Secrets that lie in files, and not in the environment, where anything that the process starts or dumps would show them.</summary>
public static class SecretFiles
{
    private const int Longest = 4_096;

    /// <summary>`Secrets:Path`: a folder with one file for a setting, named as the variable would be (`ConnectionStrings__Log`), as Docker, Kubernetes and
    /// systemd hand secrets over.</summary>
    public static void AddSecretFiles(this WebApplicationBuilder builder)
    {
        ArgumentNullException.ThrowIfNull(builder);
        if (builder.Configuration["Secrets:Path"] is { Length: > 0 } path)
        {
            builder.Configuration.AddKeyPerFile(Path.GetFullPath(path), optional: false);
        }
    }

    /// <summary>A secret that a setting names the file of. Read when it is used: one that is exchanged counts from the next use on.</summary>
    /// <exception cref="IOException">It cannot be read, or is no secret.</exception>
    internal static string Read(string path)
    {
        using var reader = new StreamReader(path);
        var buffer = new char[Longest + 1];
        var length = reader.ReadBlock(buffer);
        var text = new string(buffer, 0, length).Trim();
        return length > Longest || text.Length == 0 || text.Any(char.IsControl) ? throw new IOException($"`{path}` does not hold one line of text") : text;
    }
}

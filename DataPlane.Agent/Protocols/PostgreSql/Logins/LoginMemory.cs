using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using AccessPlane.Contracts;

namespace AccessPlane.Agent.Protocols.PostgreSql.Logins;

/// <summary>
/// In which databases a door has made logins, and where an admin has let it set up masks: a process that was killed leaves logins, and the next one has to
/// know where to look. One small file in the agent's state folder.
/// </summary>
internal sealed class LoginMemory
{
    private readonly string file;
    private readonly Lock guard = new();
    private readonly Dictionary<string, bool> databases;

    public LoginMemory(string state, string resource)
    {
        file = Path.Combine(state, $"logins-{Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(resource)))[..16]}.json");
        databases = Read(file);
    }

    public IReadOnlyList<string> Databases
    {
        get
        {
            lock (guard)
            {
                return [.. databases.Keys];
            }
        }
    }

    /// <summary>An admin has ordered its masks to be set up: from then on they follow the policy.</summary>
    public bool IsSetUp(string database)
    {
        lock (guard)
        {
            return databases.GetValueOrDefault(database);
        }
    }

    /// <summary>On disk when this returns.</summary>
    /// <exception cref="IOException">It cannot be written: no login may be made.</exception>
    public void Remember(string database, bool isSetUp = false)
    {
        lock (guard)
        {
            if (databases.TryGetValue(database, out var was) && (was || !isSetUp))
            {
                return;
            }
            var next = new Dictionary<string, bool>(databases) { [database] = isSetUp };
            var fresh = $"{file}.new";
            using (var stream = new FileStream(fresh, FileMode.Create, FileAccess.Write))
            {
                JsonSerializer.Serialize(stream, next, Json.Options);
                stream.Flush(flushToDisk: true);
            }
            File.Move(fresh, file, overwrite: true);
            databases[database] = isSetUp;
        }
    }

    private static Dictionary<string, bool> Read(string file) =>
        File.Exists(file) ? JsonSerializer.Deserialize<Dictionary<string, bool>>(File.ReadAllBytes(file), Json.Options) ?? [] : [];
}

using System.Collections.Concurrent;

namespace AccessPlane.Agent.Protocols.PostgreSql;

/// <summary>The login of the agent's configuration. Its password is read anew for each use: whoever changes the file need not restart the agent.</summary>
internal sealed class PgOwnCredential(UpstreamConfig config) : PgCredential(config.User)
{
    private const int MostKeys = 16;
    private readonly ConcurrentDictionary<(string Password, string Salt, int Iterations), ScramKeys> keys = [];

    public override string Password() => config.PasswordFile is { } file
        ? File.ReadAllText(file).TrimEnd('\r', '\n')
        : throw new IOException("the database asks for a password and none is configured");

    public override ScramKeys Keys(byte[] salt, int iterations)
    {
        if (keys.Count > MostKeys)
        {
            keys.Clear();
        }
        var password = Password();
        return keys.GetOrAdd((password, Convert.ToBase64String(salt), iterations), _ => ScramKeys.Derive(password, salt, iterations));
    }
}

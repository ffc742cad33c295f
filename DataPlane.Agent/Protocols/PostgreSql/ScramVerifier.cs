using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace AccessPlane.Agent.Protocols.PostgreSql;

/// <summary>What a SCRAM-SHA-256 server knows of a password, as PostgreSQL writes it: `SCRAM-SHA-256$iterations:salt$StoredKey:ServerKey`.</summary>
internal sealed record ScramVerifier(int Iterations, byte[] Salt, byte[] StoredKey, byte[] ServerKey)
{
    public const int StandardIterations = 4096;

    public static ScramVerifier Parse(string text)
    {
        var parts = text.Split('$', ':');
        if (parts is not ["SCRAM-SHA-256", var iterations, var salt, var stored, var server])
        {
            throw new FormatException("not a scram verifier");
        }
        return new ScramVerifier(
            int.Parse(iterations, NumberStyles.None, CultureInfo.InvariantCulture), Convert.FromBase64String(salt), Convert.FromBase64String(stored),
            Convert.FromBase64String(server));
    }

    /// <summary>For a name that nobody has: always the same salt, so that asking twice tells nothing, and keys that nothing proves.</summary>
    public static ScramVerifier Mock(ReadOnlySpan<byte> secret, string name)
    {
        var salt = HMACSHA256.HashData(secret, Encoding.UTF8.GetBytes($"salt {name}"))[..16];
        return new ScramVerifier(
            StandardIterations, salt, HMACSHA256.HashData(secret, Encoding.UTF8.GetBytes($"stored {name}")),
            HMACSHA256.HashData(secret, Encoding.UTF8.GetBytes($"server {name}")));
    }
}

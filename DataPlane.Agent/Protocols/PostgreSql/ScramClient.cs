using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace AccessPlane.Agent.Protocols.PostgreSql;

/// <summary>The keys that follow from a password, a salt and an iteration count: costly to make, so that they are kept.</summary>
internal sealed record ScramKeys(byte[] ClientKey, byte[] ServerKey)
{
    public static ScramKeys Derive(string password, byte[] salt, int iterations)
    {
        var salted = Rfc2898DeriveBytes.Pbkdf2(Encoding.UTF8.GetBytes(password), salt, iterations, HashAlgorithmName.SHA256, 32);
        return new ScramKeys(HMACSHA256.HashData(salted, "Client Key"u8), HMACSHA256.HashData(salted, "Server Key"u8));
    }
}

/// <summary>The client's side of SCRAM-SHA-256(-PLUS). No socket inside. Passwords are used as they are, without SASLprep.</summary>
/// <param name="channel">The hash of the server's certificate where the server offers to bind to it; null otherwise.</param>
/// <param name="couldBind">Under TLS, but the server does not offer it.</param>
internal sealed class ScramClient(byte[]? channel, bool couldBind, string nonce, Func<byte[], int, ScramKeys> keys)
{
    /// <summary>Below, a stolen exchange is cheap to guess from; above, a malicious server makes this side work.</summary>
    public const int FewestIterations = 4096;
    public const int MostIterations = 100_000;

    private string serverSignature = "";

    private string Header => channel is not null ? "p=tls-server-end-point,," : couldBind ? "y,," : "n,,";
    private string FirstBare => $"n=,r={nonce}";

    public string First => Header + FirstBare;

    /// <summary>How much work a server's first message asks for; 0 where it does not say so.</summary>
    public static int IterationsOf(string serverFirst) =>
        serverFirst.Split(',') is [_, _, var last, ..] && last.StartsWith("i=", StringComparison.Ordinal) &&
        int.TryParse(last.AsSpan(2), NumberStyles.None, CultureInfo.InvariantCulture, out var iterations) ? iterations : 0;

    /// <returns>The client's last message; null when the server's first is not acceptable.</returns>
    public string? Final(string serverFirst)
    {
        var parts = serverFirst.Split(',');
        if (parts.Length < 3 || !parts[0].StartsWith($"r={nonce}", StringComparison.Ordinal) || parts[0].Length == nonce.Length + 2 ||
            !parts[1].StartsWith("s=", StringComparison.Ordinal) || IterationsOf(serverFirst) is not (>= FewestIterations and <= MostIterations and var iterations))
        {
            return null;
        }
        var salt = new byte[1024];
        if (!Convert.TryFromBase64String(parts[1][2..], salt, out var saltLength))
        {
            return null;
        }
        var known = keys(salt[..saltLength], iterations);
        var withoutProof = $"c={Convert.ToBase64String([.. Encoding.ASCII.GetBytes(Header), .. channel ?? []])},{parts[0]}";
        var message = Encoding.UTF8.GetBytes($"{FirstBare},{serverFirst},{withoutProof}");
        var proof = HMACSHA256.HashData(SHA256.HashData(known.ClientKey), message);
        for (var i = 0; i < proof.Length; i++)
        {
            proof[i] ^= known.ClientKey[i];
        }
        serverSignature = $"v={Convert.ToBase64String(HMACSHA256.HashData(known.ServerKey, message))}";
        return $"{withoutProof},p={Convert.ToBase64String(proof)}";
    }

    /// <summary>Whether the server knows the password too.</summary>
    public bool IsProvenBy(string serverFinal) => CryptographicOperations.FixedTimeEquals(
        Encoding.UTF8.GetBytes(serverSignature), Encoding.UTF8.GetBytes(serverFinal));
}

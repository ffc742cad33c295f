using System.Security.Cryptography;
using System.Text;

namespace AccessPlane.Agent.Protocols.PostgreSql;

/// <summary>The server's side of SCRAM-SHA-256 and SCRAM-SHA-256-PLUS (RFC 5802, 7677; channel binding tls-server-end-point). No socket inside.</summary>
/// <param name="channel">The hash of the server's certificate; null without TLS.</param>
internal sealed class ScramServer(ScramVerifier verifier, byte[]? channel, string nonce)
{
    public const string Plain = "SCRAM-SHA-256";
    public const string Plus = "SCRAM-SHA-256-PLUS";
    private const string Binding = "tls-server-end-point";

    private string clientFirstBare = "";
    private string serverFirst = "";
    private string header = "";
    private string fullNonce = "";
    private bool bound;

    /// <returns>The server's first message; null when the client's is not acceptable.</returns>
    public string? First(string mechanism, string clientFirst)
    {
        bound = mechanism == Plus;
        if ((!bound && mechanism != Plain) || (bound && channel is null))
        {
            return null;
        }
        var parts = clientFirst.Split(',', 3);
        // `y`: the client could bind and believes that this side cannot; under TLS somebody took the offer away
        if (parts.Length < 3 || parts[1].Length != 0 || !(bound ? parts[0] == $"p={Binding}" : parts[0] == "n" || (parts[0] == "y" && channel is null)))
        {
            return null;
        }
        header = $"{parts[0]},,";
        clientFirstBare = parts[2];
        var attributes = clientFirstBare.Split(',');
        if (attributes.Length < 2 || !attributes[0].StartsWith("n=", StringComparison.Ordinal) || !attributes[1].StartsWith("r=", StringComparison.Ordinal) ||
            attributes[1].Length < 10)
        {
            return null;
        }
        fullNonce = attributes[1][2..] + nonce;
        serverFirst = $"r={fullNonce},s={Convert.ToBase64String(verifier.Salt)},i={verifier.Iterations}";
        return serverFirst;
    }

    /// <returns>The server's last message; null when the client has not proven that it knows the password.</returns>
    public string? Final(string clientFinal)
    {
        var at = clientFinal.LastIndexOf(",p=", StringComparison.Ordinal);
        if (at < 0)
        {
            return null;
        }
        var withoutProof = clientFinal[..at];
        var expected = $"c={Convert.ToBase64String([.. Encoding.ASCII.GetBytes(header), .. bound ? channel! : []])},r={fullNonce}";
        Span<byte> proof = stackalloc byte[32];
        if (!Convert.TryFromBase64String(clientFinal[(at + 3)..], proof, out var length) || length != 32)
        {
            return null;
        }
        var message = Encoding.UTF8.GetBytes($"{clientFirstBare},{serverFirst},{withoutProof}");
        var key = HMACSHA256.HashData(verifier.StoredKey, message);
        for (var i = 0; i < key.Length; i++)
        {
            key[i] ^= proof[i];
        }
        var proven = CryptographicOperations.FixedTimeEquals(SHA256.HashData(key), verifier.StoredKey);
        return proven & withoutProof == expected ? $"v={Convert.ToBase64String(HMACSHA256.HashData(verifier.ServerKey, message))}" : null;
    }
}

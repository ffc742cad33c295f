using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;

namespace AccessPlane.ControlPlane.Grants;

/// <summary>A ticket's user name, its secret, and what an agent needs to check it. The secret is told to the client once and kept nowhere.</summary>
/// <param name="Verifier">RFC 5803 in PostgreSQL's spelling: <c>SCRAM-SHA-256$iterations:salt$StoredKey:ServerKey</c>.</param>
public sealed record TicketSecret(string Name, string Password, string Verifier)
{
    /// <summary>RFC 7677 asks for at least 4096, and clients insist; more would only slow them down, because the secret cannot be guessed.</summary>
    private const int Iterations = 4096;
    private const string NameAlphabet = "abcdefghijkmnpqrstuvwxyz23456789";

    public static TicketSecret Make()
    {
        var name = "t_" + RandomNumberGenerator.GetString(NameAlphabet, 20);
        var password = WithChecksum("apt_" + Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(32)));
        return new TicketSecret(name, password, VerifierOf(password, RandomNumberGenerator.GetBytes(16)));
    }

    /// <summary>256 random bits behind a prefix by which scanners for leaked secrets find it, and before six characters by which they tell it from what only looks
    /// like one: the first four bytes of the SHA-256 of all before them, in base64url.</summary>
    public static string WithChecksum(string secret) => secret + Base64Url.EncodeToString(SHA256.HashData(Encoding.ASCII.GetBytes(secret)).AsSpan(0, 4));

    public static string VerifierOf(string password, byte[] salt)
    {
        var salted = Rfc2898DeriveBytes.Pbkdf2(Encoding.ASCII.GetBytes(password), salt, Iterations, HashAlgorithmName.SHA256, 32);
        var stored = SHA256.HashData(HMACSHA256.HashData(salted, "Client Key"u8));
        var server = HMACSHA256.HashData(salted, "Server Key"u8);
        return $"SCRAM-SHA-256${Iterations}:{Convert.ToBase64String(salt)}${Convert.ToBase64String(stored)}:{Convert.ToBase64String(server)}";
    }

    // a record prints its members, and a secret has no business in a log
    public override string ToString() => Name;
}

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
        // the prefix lets scanners for leaked secrets recognise it; the rest is 256 random bits
        var password = "apt_" + Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(32));
        return new TicketSecret(name, password, VerifierOf(password, RandomNumberGenerator.GetBytes(16)));
    }

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

using System.Security.Cryptography;

namespace AccessPlane.Agent.Protocols.PostgreSql.Logins;

/// <summary>A login that was made for one session: its password is random, known to this process alone and written nowhere.</summary>
internal sealed class JustInTimeCredential : PgCredential
{
    private readonly string password = Convert.ToBase64String(RandomNumberGenerator.GetBytes(24));
    private readonly byte[] salt = RandomNumberGenerator.GetBytes(16);
    private readonly ScramKeys keys;

    /// <param name="until">The database takes the password until then.</param>
    public JustInTimeCredential(string user, DateTimeOffset until)
        : base(user)
    {
        Until = until;
        keys = ScramKeys.Derive(password, salt, ScramVerifier.StandardIterations);
    }

    public DateTimeOffset Until { get; }

    /// <summary>What the database is told of it: the password itself never leaves.</summary>
    public string Verifier => string.Create(
        System.Globalization.CultureInfo.InvariantCulture,
        $"SCRAM-SHA-256${ScramVerifier.StandardIterations}:{Convert.ToBase64String(salt)}${Convert.ToBase64String(SHA256.HashData(keys.ClientKey))}:{Convert.ToBase64String(keys.ServerKey)}");

    /// <summary>Only a server that was told the verifier asks rightly, by SCRAM.</summary>
    public override string Password() => throw new IOException("the database asks for the password of a login that is proven by scram alone");

    public override ScramKeys Keys(byte[] salt, int iterations) => salt.AsSpan().SequenceEqual(this.salt) && iterations == ScramVerifier.StandardIterations
        ? keys
        : throw new PgUnreachable(new IOException("the database asks for another proof than it was told of"), "28P01");
}

namespace AccessPlane.Agent.Protocols.PostgreSql;

/// <summary>Who the agent is at the database on one connection: the login that its configuration names, or one that was made for a single session.</summary>
internal abstract class PgCredential(string user)
{
    public string User { get; } = user;

    /// <exception cref="IOException">There is none.</exception>
    public abstract string Password();

    /// <summary>The keys of the password, which take long to derive.</summary>
    public abstract ScramKeys Keys(byte[] salt, int iterations);
}

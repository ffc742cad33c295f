namespace AccessPlane.Agent.Protocols.PostgreSql;

/// <summary>Which database answers at the address that the agent dials.</summary>
/// <param name="System">Of a cluster and its copies alike; null where the agent's role may not see it.</param>
/// <param name="Began">When this server began: another one, or the same after a restart, has another moment.</param>
internal sealed record PgCluster(string? System, string Began)
{
    /// <summary>What a client is told whose session cannot be, or go on, because of it.</summary>
    public const string Exchanged = "the database behind this agent is another one by now: connect again";

    /// <summary>Whether the two are certainly not the same database, nor copies of one.</summary>
    public static bool AreStrangers(PgCluster? one, PgCluster? other) => one?.System is { } a && other?.System is { } b && a != b;
}

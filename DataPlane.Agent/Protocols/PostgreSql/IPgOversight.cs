using AccessPlane.Agent.Recording;
using AccessPlane.Contracts.Policy;
using AccessPlane.Contracts.Sql;

namespace AccessPlane.Agent.Protocols.PostgreSql;

/// <summary>What a conversation needs of its session: a judge and a record. The session answers with its permit and its recorder, tests with literals.</summary>
internal interface IPgOversight
{
    /// <param name="inTransaction">The server's transaction block is open.</param>
    Ruling Judge(StatementFacts facts, bool inTransaction);

    /// <summary>The bounds that hold for the session now.</summary>
    SessionLimits Limits { get; }

    /// <summary>What hashes of masked values are keyed by.</summary>
    byte[] MaskKey { get; }

    /// <summary>Asks the server to stop what it does. Returns at once.</summary>
    void StopStatement();

    /// <exception cref="IOException">The evidence cannot be written: the operation must not be forwarded.</exception>
    long Statement(string protocol, ReadOnlySpan<byte> text, in BoundParameters parameters, StatementFacts facts, Ruling ruling);

    /// <summary>Records rows of an operation that the client was sent.</summary>
    /// <returns>False where there was no room for them, and they are only counted.</returns>
    bool Rows(long op, in SeenRows rows);

    void Result(long op, in OperationResult result);

    void Fact(string kind, string? note);

    /// <summary>Who the session is at the database, and where: part of what a decision of people is bound to.</summary>
    string Identity { get; }

    /// <summary>An operation waits for people from here on: it is recorded, its client is told, the control plane asked. Returns at once.</summary>
    /// <exception cref="IOException">The evidence cannot be written: it must not wait.</exception>
    void Park(PgHold hold);

    /// <summary>Records how that ended, before it has any effect.</summary>
    /// <exception cref="IOException">The evidence of a release cannot be written: it must not pass.</exception>
    void Settled(PgHold hold);

    /// <summary>A detector found something in a column of an operation's results, and hid it.</summary>
    void Detected(long op, string rule, Detector detector, string column, int count);
}

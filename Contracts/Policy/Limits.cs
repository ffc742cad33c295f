namespace AccessPlane.Contracts.Policy;

/// <summary>Bounds on one resource's sessions; null where there is none. Of several rules the tightest counts.</summary>
/// <param name="Connections">Sessions of one grant at a time.</param>
/// <param name="StatementsPerSecond">Of one session, averaged over a second; what comes faster waits.</param>
/// <param name="IdleInTransaction">Between two statements of a transaction: its locks wait along.</param>
/// <param name="Session">From a session's begin to its end, whatever it does.</param>
public sealed record LimitRule(
    string Id, string Resource, long? RowsPerStatement = null, long? BytesPerStatement = null, int? StatementsPerSecond = null,
    TimeSpan? StatementTimeout = null, TimeSpan? Idle = null, int? Connections = null, Who? Unless = null,
    TimeSpan? IdleInTransaction = null, TimeSpan? Session = null);

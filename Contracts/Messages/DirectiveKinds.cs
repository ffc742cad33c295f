namespace AccessPlane.Contracts.Messages;

/// <summary>The closed list of kinds. An agent that meets an unknown one freezes: ignoring an order it does not understand would be unsafe.</summary>
public static class DirectiveKinds
{
    // these follow from the log and carry its positions
    public const string Policy = "policy";
    public const string Grant = "grant";
    public const string GrantEnded = "grant-ended";
    public const string Ticket = "ticket";
    public const string Lock = "lock";
    public const string LockLifted = "lock-lifted";
    public const string Terminate = "terminate";
    public const string RequestClosed = "request-closed";
    public const string HoldDecided = "hold-decided";
    public const string MaskingApply = "masking-apply";

    // these answer the agent
    public const string State = "state";
    public const string Lease = "lease";
    public const string LeaseRefused = "lease-refused";
    public const string Keys = "keys";
    public const string SegmentAccepted = "segment-accepted";
    public const string SegmentRefused = "segment-refused";
    public const string LoginAnswer = "login-answer";
    public const string SpoolKey = "spool-key";
}

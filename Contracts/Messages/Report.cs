using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace AccessPlane.Contracts.Messages;

/// <summary>A signed message from an agent to the control plane.</summary>
/// <param name="Id">Repeats are recognised by it.</param>
/// <param name="Kind">One of <see cref="ReportKinds"/>.</param>
/// <param name="Body">JSON of the kind's record.</param>
/// <param name="Signature">ECDSA P-256 by the agent's own key over <see cref="SignedBytes"/>, base64 (IEEE P1363 form).</param>
public sealed record Report(string Agent, Guid Id, string Kind, string Body, DateTimeOffset At, string Signature)
{
    public byte[] SignedBytes() => Encoding.UTF8.GetBytes(
        $"accessplane.report.v1\n{Agent}\n{Id:D}\n{Kind}\n{At.UtcDateTime.Ticks.ToString(CultureInfo.InvariantCulture)}\n{Body}");

    public Report SignWith(ECDsa key) => this with { Signature = Signatures.Sign(key, SignedBytes()) };

    public bool IsSignedBy(ECDsa key) => Signatures.Check(key, SignedBytes(), Signature);
}

public static class ReportKinds
{
    public const string LeaseAsk = "lease-ask";
    public const string CatchUpAsk = "catch-up-ask";
    public const string Applied = "applied";
    public const string Knows = "knows";
    public const string Revoked = "revoked";
    public const string SegmentSealed = "segment-sealed";
    public const string EvidenceGap = "evidence-gap";
    public const string LoginAsk = "login-ask";
    public const string OperationHeld = "operation-held";
    public const string HoldEnded = "hold-ended";
    public const string Masking = "masking";
    public const string Catalog = "catalog";
    public const string SpoolKeyAsk = "spool-key-ask";
    public const string AgentKey = "agent-key";
}

/// <summary>`lease-ask`: a round trip proves that orders would arrive.</summary>
/// <param name="Position">Up to which the agent knows the log.</param>
/// <param name="Epoch">Of that position; 0 before it was told anything.</param>
/// <param name="Instance">Of the process: a new one at each start.</param>
/// <param name="Contest">The last that any answer for this agent named, to whichever of its processes: who says it was alive when it was made.</param>
/// <param name="Seen">The furthest that the control plane ever told it, with its signature.</param>
/// <param name="Ring">The digest of what it was told of the control plane's keys; null or empty where that is nothing.</param>
/// <param name="Condition">How it is; null from a version that does not say.</param>
public sealed record LeaseAsk(
    Guid Nonce, long Position, long Epoch = 0, Guid Instance = default, Guid? Contest = null, Witness? Seen = null, string? Ring = null, AgentCondition? Condition = null);

/// <summary>How an agent is, as it says itself: for people to look at, and for nothing that is decided.</summary>
/// <param name="Version">Of its program.</param>
/// <param name="Sessions">Open now.</param>
/// <param name="Spool">How full its spool is, 0 to 1: it lets nobody in from 0.85, and freezes from 0.95.</param>
/// <param name="WaitingSeconds">How long what waits longest for the log waits.</param>
public sealed record AgentCondition(string Version, int Sessions, double Spool, int WaitingSeconds);

/// <summary>`catch-up-ask`: send the state as of now; what the agent has ends at <paramref name="Since"/>.</summary>
/// <param name="Seen">As in <see cref="LeaseAsk"/>.</param>
public sealed record CatchUpAsk(long Epoch, long Since, Witness? Seen = null);

/// <summary>`knows`: what is in force at an agent that knows more than the control plane's log, which was set back.</summary>
/// <param name="Grants">The grants that may be used; null where the agent was started anew and knows no more than how far it once was.</param>
/// <param name="Locks">Null likewise.</param>
/// <param name="Seen">As in <see cref="LeaseAsk"/>.</param>
public sealed record AgentKnows(
    Guid Rollback, long Epoch, long Position, long PolicyVersion, IReadOnlyList<Guid>? Grants, IReadOnlyList<LockOrder>? Locks, Witness? Seen);

/// <summary>`applied`: every directive up to <paramref name="Position"/> is in force at the agent.</summary>
public sealed record Applied(long Position);

/// <summary>`revoked`: a grant's end is in force and its sessions are cut.</summary>
public sealed record RevocationApplied(Guid Grant, int Sessions, TimeSpan Cut);

/// <summary>`evidence-gap`: a transcript on the agent's disk cannot be read, or a part of it. Said at every start, and once for ever in the log.</summary>
/// <param name="Kind">`spool-unreadable`, `spool-torn`, `segment-refused`.</param>
public sealed record EvidenceGap(Guid Session, string Kind, string Detail);

/// <summary>`login-ask`: a client came with a token and no grant that is active. The token is sealed for the control plane, which validates it again.</summary>
/// <param name="Name">The login's user name: an entitlement's id, a grant's id, or empty of meaning.</param>
/// <param name="Token">Sealed by <see cref="Sealed"/> with the control plane's encryption key.</param>
public sealed record LoginAsk(Guid Ask, string Resource, string Name, string Client, string Token);

/// <summary>`spool-key-ask`: an earlier process of the agent left a transcript, whose keys only the control plane can open.</summary>
/// <param name="Wrapped">The keys, each sealed for the control plane in <see cref="ContextOf"/>.</param>
/// <param name="Reader">For whom to seal the answer: P-256 SubjectPublicKeyInfo, base64.</param>
public sealed record SpoolKeyAsk(Guid Session, IReadOnlyList<string> Wrapped, string Reader)
{
    public static string ContextOf(string agent, Guid session) => $"spool\n{agent}\n{session:D}";
}

using AccessPlane.Contracts;
using AccessPlane.Contracts.Events;
using AccessPlane.Contracts.Identity;
using AccessPlane.Contracts.Transcripts;

namespace AccessPlane.ControlPlane.Sessions;

/// <summary>Opening → Open → Closed | Terminated | Lost, as far as its agent has told it.</summary>
public abstract record Session
{
    public const string StreamType = "session";

    private Session() { }

    public static Session Initial { get; } = new None();

    public string Name => GetType().Name;

    public sealed record None : Session;

    /// <param name="LastNumber">Of the last segment taken.</param>
    /// <param name="Head">The chain's head after <paramref name="LastSeq"/>, lower-case hex.</param>
    public abstract record Known(SessionOpened Opened, int LastNumber, long LastSeq, string Head) : Session;

    public sealed record Open(SessionOpened Opened, int LastNumber, long LastSeq, string Head) : Known(Opened, LastNumber, LastSeq, Head);

    /// <param name="Cause">closed, lost, or what the product ended it for.</param>
    public sealed record Over(SessionOpened Opened, int LastNumber, long LastSeq, string Head, string Cause) : Known(Opened, LastNumber, LastSeq, Head);

    public static Session Evolve(Session state, IEvent e) => (state, e) switch
    {
        (None, SessionOpened opened) => new Open(opened, 0, 0, Convert.ToHexStringLower(HashChain.Begin(opened.Session))),
        (Open s, TranscriptRecorded t) => s with { LastNumber = t.Number, LastSeq = t.LastSeq, Head = t.Head },
        (Open s, SessionClosed closed) => End(s, closed.Cause),
        (Open s, SessionTerminated terminated) => End(s, terminated.Cause),
        (Open s, SessionLost) => End(s, "lost"),
        (_, EvidenceGapFound or DetectorHit or TranscriptRead or SessionTerminationOrdered) => state,
        _ => throw new InvalidOperationException($"`{e?.GetType().Name}` cannot happen to a session that is {state?.Name}"),
    };

    private static Over End(Open s, string cause) => new(s.Opened, s.LastNumber, s.LastSeq, s.Head, cause);

    /// <summary>Who may read a session's transcript and segments: auditors, admins, and its holder.</summary>
    public static bool MayRead(Known session, Actor reader, bool isAuditorOrAdmin)
    {
        ArgumentNullException.ThrowIfNull(session);
        ArgumentNullException.ThrowIfNull(reader);
        return isAuditorOrAdmin || session.Opened.Holder.ChainKey == reader.ChainKey;
    }
}

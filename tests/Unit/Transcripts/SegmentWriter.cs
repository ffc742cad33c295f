using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using AccessPlane.Contracts;
using AccessPlane.Contracts.Events;
using AccessPlane.Contracts.Identity;
using AccessPlane.Contracts.Policy;
using AccessPlane.Contracts.Transcripts;
using AccessPlane.ControlPlane.Sessions;

namespace AccessPlane.Tests.Unit.Transcripts;

/// <summary>The agent `a`, which writes and signs the transcript of one session, and what the log knows of that session's grant.</summary>
internal sealed class SegmentWriter : IDisposable
{
    public static readonly Guid Id = new("0199aaaa-0000-7000-8000-000000000001");
    public static readonly DateTimeOffset At = new(2026, 1, 31, 12, 0, 0, TimeSpan.Zero);
    public static readonly Actor Holder = new("https://idp", "engineer", "engineer", ActorKind.Person, [], new Dictionary<string, string>(), []);
    private static readonly Guid Grant = new("0199aaaa-0000-5000-8000-000000000002");

    public static readonly TranscriptEntry Start = new(1, At, "start", new SessionStart(
        Id, Grant, "orders-read", "orders", "a", 7, Holder, "orders", "127.0.0.1:5", "psql", "token", 3, "15.4"));

    public static readonly SessionGround Ground = new(["orders"], Given(
        (-5, new GrantIssued(Grant, Guid.Empty, Holder, "orders-read", "orders", Scope.Any, TimeSpan.FromHours(1), At, 1, TokenLogin.WorkloadsOnly, 3)),
        (-5, new GrantActivated(At.AddMinutes(-5), At.AddMinutes(55), Scope.Any, 1, TokenLogin.WorkloadsOnly, 3)),
        (-4, new TicketIssued("t_1", "a", "", 1, At, "orders"))), TimeSpan.Zero);

    public ECDsa Key { get; } = ECDsa.Create(ECCurve.NamedCurves.nistP256);

    /// <summary>The head that a transcript's first part goes on from.</summary>
    public static string Beginning => Convert.ToHexStringLower(HashChain.Begin(Id));

    /// <summary>A grant's stream: events and the minute of each.</summary>
    public static List<Stored> Given(params (double Minute, IEvent Event)[] events) =>
        [.. events.Select((e, i) => new Stored(i + 1, Grant, i + 1, Guid.Empty, At.AddMinutes(e.Minute), new EventContext(Holder, Guid.Empty), e.Event))];

    public static TranscriptEntry Statement(long seq) => new(seq, At.AddSeconds(seq), "statement", Op: seq, Text: "select 1");

    public static TranscriptEntry End(long seq, string cause) => new(seq, At.AddSeconds(seq), "end", Cause: cause, CutMicros: cause == "revoked" ? 12_000 : null);

    public Segment First(params TranscriptEntry[] more) => Of(1, Beginning, more is [.., { Kind: "end" }], [Start, .. more]);

    public Segment Of(int number, string previousHead, bool final, params TranscriptEntry[] entries) =>
        OfLines(number, previousHead, final, entries[0].Seq, [.. entries.Select(e => JsonSerializer.Serialize(e, Json.Options))]);

    public Segment OfLines(int number, string previousHead, bool final, long firstSeq, params string[] lines)
    {
        var head = Convert.FromHexString(previousHead);
        foreach (var line in lines)
        {
            HashChain.Advance(head, Encoding.UTF8.GetBytes(line));
        }
        return new Segment(
            Id, "a", number, firstSeq, firstSeq + lines.Length - 1, previousHead, Convert.ToHexStringLower(head), final, string.Join('\n', lines) + "\n", "").SignWith(Key);
    }

    public void Dispose() => Key.Dispose();
}

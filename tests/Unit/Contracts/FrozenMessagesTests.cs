using System.Reflection;
using System.Security.Cryptography;
using System.Text.Json;
using AccessPlane.Agent.Directives;
using AccessPlane.Contracts;
using AccessPlane.Contracts.Messages;
using AccessPlane.Contracts.Transcripts;
using Xunit;

namespace AccessPlane.Tests.Unit.Contracts;

/// <summary>
/// Control planes and agents are upgraded one after the other, so that either must read what the other one's version says. The messages of tests/corpus/messages
/// were signed when they were written down, by keys that nobody has any more.
/// </summary>
public sealed class FrozenMessagesTests
{
    private static readonly Dictionary<string, Type> Reports = new()
    {
        [ReportKinds.LeaseAsk] = typeof(LeaseAsk),
        [ReportKinds.CatchUpAsk] = typeof(CatchUpAsk),
        [ReportKinds.Applied] = typeof(Applied),
        [ReportKinds.Knows] = typeof(AgentKnows),
        [ReportKinds.Revoked] = typeof(RevocationApplied),
        [ReportKinds.SegmentSealed] = typeof(Segment),
        [ReportKinds.EvidenceGap] = typeof(EvidenceGap),
        [ReportKinds.LoginAsk] = typeof(LoginAsk),
        [ReportKinds.OperationHeld] = typeof(HeldOperation),
        [ReportKinds.HoldEnded] = typeof(HoldEnd),
        [ReportKinds.Masking] = typeof(MaskingState),
        [ReportKinds.Catalog] = typeof(CatalogNames),
        [ReportKinds.SpoolKeyAsk] = typeof(SpoolKeyAsk),
        [ReportKinds.AgentKey] = typeof(AgentKeyAnnouncement),
    };

    [Fact]
    public void Every_order_that_was_ever_sent_is_believed_and_read_and_nothing_of_it_has_another_name()
    {
        var kept = Kept<Directive>("messages/orders.jsonl", (order, key) => order.IsSignedBy(key));
        Assert.Equal(KindsOf(typeof(DirectiveKinds)), kept.Select(k => k.Message.Kind).Distinct().Order());
        Assert.All(kept, k => SaysAgain(k.Message.Kind, k.Message.Body, Bodies.Read(k.Message)));
        Assert.All(kept.Select(k => k.Message).Where(m => m.Kind == DirectiveKinds.Keys), m => Assert.All(((KeyRing)Bodies.Read(m)).Announced, a => Assert.True(a.IsWhole())));
        FaultReport.Saw($"{kept.Count} orders of {kept.Select(k => k.Message.Kind).Distinct().Count()} kinds, as earlier versions sent them: all believed and read");
    }

    [Fact]
    public void Every_report_that_was_ever_sent_is_believed_and_read_and_nothing_of_it_has_another_name()
    {
        var kept = Kept<Report>("messages/reports.jsonl", (report, key) => report.IsSignedBy(key));
        Assert.Equal(KindsOf(typeof(ReportKinds)), kept.Select(k => k.Message.Kind).Distinct().Order());
        Assert.All(kept, k => SaysAgain(k.Message.Kind, k.Message.Body, Read(k.Message)));
        Assert.All(kept.Where(k => k.Message.Kind == ReportKinds.AgentKey), k => Assert.True(((AgentKeyAnnouncement)Read(k.Message)).IsWhole()));
        Assert.All(kept.Where(k => k.Message.Kind == ReportKinds.SegmentSealed), k => IsSigned(k.SignedBy, ((Segment)Read(k.Message)).IsSignedBy));
        FaultReport.Saw($"{kept.Count} reports of {kept.Select(k => k.Message.Kind).Distinct().Count()} kinds, as earlier versions sent them: all believed and read");
    }

    /// <summary>As the control plane reads what agents send.</summary>
    private static object Read(Report report) => JsonSerializer.Deserialize(report.Body, Reports[report.Kind], Json.Untrusted)!;

    private static List<Signed<T>> Kept<T>(string file, Func<T, ECDsa, bool> isSignedBy)
    {
        var kept = Corpus.Lines(file).Select(line => JsonSerializer.Deserialize<Signed<T>>(line, Json.Options)!).ToList();
        Assert.NotEmpty(kept);
        Assert.All(kept, k => IsSigned(k.SignedBy, key => isSignedBy(k.Message, key)));
        return kept;
    }

    private static void IsSigned(string publicKey, Func<ECDsa, bool> by)
    {
        using var key = ECDsa.Create();
        key.ImportSubjectPublicKeyInfo(Convert.FromBase64String(publicKey), out _);
        Assert.True(by(key), "what is signed, or how, is another thing by now");
    }

    private static IEnumerable<string> KindsOf(Type constants) =>
        constants.GetFields(BindingFlags.Public | BindingFlags.Static).Where(f => f.IsLiteral).Select(f => (string)f.GetRawConstantValue()!).Order();

    /// <summary>All that a message said is said again by whoever has read it: a reader of the version before misses nothing in what a newer one sends.</summary>
    private static void SaysAgain(string kind, string before, object read)
    {
        using var said = JsonDocument.Parse(before);
        var now = JsonSerializer.SerializeToElement(read, read.GetType(), Json.Options);
        Assert.True(Holds(now, said.RootElement), $"`{kind}` was {before} and is {now}");
    }

    private static bool Holds(JsonElement now, JsonElement before) => before.ValueKind switch
    {
        JsonValueKind.Object => now.ValueKind == JsonValueKind.Object && before.EnumerateObject().All(m => now.TryGetProperty(m.Name, out var same) && Holds(same, m.Value)),
        JsonValueKind.Array => now.ValueKind == JsonValueKind.Array && now.GetArrayLength() == before.GetArrayLength() &&
            now.EnumerateArray().Zip(before.EnumerateArray()).All(pair => Holds(pair.First, pair.Second)),
        _ => JsonElement.DeepEquals(now, before),
    };

    private sealed record Signed<T>(string SignedBy, T Message);
}

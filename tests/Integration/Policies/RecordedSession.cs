using System.Text;
using System.Text.Json;
using AccessPlane.Contracts;
using AccessPlane.Contracts.Events;
using AccessPlane.Contracts.Identity;
using AccessPlane.Contracts.Policy;
using AccessPlane.Contracts.Sql;
using AccessPlane.Contracts.Transcripts;
using AccessPlane.ControlPlane.EventStore;
using Xunit;

namespace AccessPlane.Tests.Integration.Policies;

/// <summary>A session's record as an agent would have sent it, judged by the policy of its time.</summary>
internal static class RecordedSession
{
    public static readonly DateTimeOffset At = new(2026, 1, 31, 12, 0, 0, TimeSpan.Zero);

    public static async Task<Guid> Append(EventLog log, PublishedPolicy policy, OperationContext context, params (string Text, StatementFacts Facts)[] statements)
    {
        var session = Guid.CreateVersion7();
        var lines = new StringBuilder();
        var seq = 0;
        void Line(TranscriptEntry entry) => lines.Append(JsonSerializer.Serialize(entry with { Seq = ++seq, At = At.AddSeconds(seq) }, Json.Options)).Append('\n');

        var scope = RulingBasis.HashOf(JsonSerializer.SerializeToUtf8Bytes(context.Scope, Json.Options));
        Line(new TranscriptEntry(0, At, "scope", ScopeHash: scope, Scope: context.Scope));
        var op = 0;
        foreach (var (text, facts) in statements)
        {
            var json = JsonSerializer.SerializeToUtf8Bytes(facts, Json.Options);
            var hash = RulingBasis.HashOf(json);
            Line(new TranscriptEntry(0, At, "facts", FactsHash: hash, Facts: JsonSerializer.Deserialize<JsonElement>(json)));
            var ruling = Evaluator.Judge(facts, context, policy);
            Line(new TranscriptEntry(
                0, At, "statement", Op: ++op, Protocol: "simple", Text: text, Statements: facts.Kinds, FactsHash: hash, ScopeHash: scope,
                InTransaction: context.InTransaction, Effect: ruling.Effect, Reasons: ruling.Reasons, Policy: policy.Version));
        }
        var appended = await log.Append(
            new Append(
                [new StreamAppend(session, "session", 0,
                [
                    new SessionOpened(
                        session, Guid.CreateVersion7(), context.Resource, "orders-agent", context.Holder, "orders", "127.0.0.1:1", "psql", At, 1, policy.Version, context.Entitlement),
                    new TranscriptRecorded(
                        session, "orders-agent", 1, 1, seq, new string('0', 64), Convert.ToHexStringLower(HashChain.Begin(session)), false, lines.ToString(), ""),
                ])],
                new EventContext(Actor.System("test"), Guid.CreateVersion7())),
            TestContext.Current.CancellationToken);
        Assert.IsType<Appended.Done>(appended);
        return session;
    }
}

using System.Text.Json;
using AccessPlane.Agent.Recording;
using AccessPlane.Contracts;
using AccessPlane.Contracts.Identity;
using AccessPlane.Contracts.Policy;
using AccessPlane.Contracts.Sql;
using AccessPlane.Contracts.Transcripts;
using AccessPlane.ControlPlane.Audit;
using Xunit;

namespace AccessPlane.Tests.Integration.Wire;

/// <summary>What holds of every session of every test here: the evaluator, asked again with nothing but the record, says what the record says.</summary>
internal static class RecordExplained
{
    public static void Check(IEnumerable<string> transcript, Actor holder, IReadOnlyDictionary<long, PublishedPolicy> policies)
    {
        SessionStart? start = null;
        var facts = new Dictionary<string, StatementFacts>();
        var omitted = new HashSet<string>();
        var scopes = new Dictionary<string, Scope>();
        foreach (var entry in transcript.Select(line => JsonSerializer.Deserialize<TranscriptEntry>(line, Json.Strict)!))
        {
            switch (entry.Kind)
            {
                case "start":
                    start = entry.Start;
                    break;
                case "facts" when entry.Facts is { } kept:
                    facts[entry.FactsHash!] = kept.Deserialize<StatementFacts>(Json.Strict)!;
                    break;
                case "facts":
                    Assert.True(entry.FactsOmitted > RecordedFacts.Longest, $"{entry.FactsOmitted} bytes of facts were not kept");
                    omitted.Add(entry.FactsHash!);
                    break;
                case "scope":
                    scopes[entry.ScopeHash!] = entry.Scope!;
                    break;
                case "statement" when entry.FactsHash is { } hash && facts.TryGetValue(hash, out var judged):
                    var context = new OperationContext(start!.Resource, holder, start.Entitlement, scopes[entry.ScopeHash!], entry.InTransaction!.Value);
                    var ruling = Evaluator.Judge(judged, context, policies[entry.Policy!.Value]);
                    Assert.True(
                        Explanation.Compare(new RecordedRuling(entry.Effect!.Value, entry.Reasons!), ruling) is not null,
                        $"`{entry.Text}` was recorded as {entry.Effect} ({string.Join(", ", entry.Reasons!)}) and is judged {ruling.Effect} ({string.Join(", ", ruling.Reasons)})");
                    break;
                case "statement" when entry.FactsHash is { } hash:
                    Assert.True(omitted.Contains(hash), $"what `{entry.Text}` was judged by is not in the record");
                    break;
                case "statement":
                    // no rule was asked: such a thing was never let through
                    Assert.True(entry.Effect == Effect.Deny, $"`{entry.Text}` was let through without a rule being asked");
                    break;
            }
        }
    }
}

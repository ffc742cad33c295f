using System.Text;
using System.Text.Json;
using AccessPlane.Contracts;
using AccessPlane.Contracts.Events;
using AccessPlane.Contracts.Policy;
using AccessPlane.Contracts.Sql;
using AccessPlane.Contracts.Transcripts;

namespace AccessPlane.Projections;

/// <summary>Facts or a scope that statements were judged by; one of the two is set, or none where the facts were too large to be kept.</summary>
public sealed record RulingBasisRow(string Hash, JsonElement? Facts, Scope? Scope)
{
    public StatementFacts? StatementFacts() => Facts?.Deserialize<StatementFacts>(Json.Options);
}

/// <summary>What rulings were based on, by the name that statements give it: the same for all sessions of all agents.</summary>
public sealed class RulingBases() : Projection<RulingBasisRow>("ruling-bases", typeof(TranscriptRecorded))
{
    public override IReadOnlyList<string> Columns =>
    [
        "relations jsonb GENERATED ALWAYS AS (jsonb_path_query_array(row, '$.facts.relations[*].name')) STORED",
    ];

    public override IReadOnlyList<(string Name, string Definition)> Indexes =>
    [
        ("relations", "USING gin (relations)"),
    ];

    public override IEnumerable<Change> Changes(Stored stored)
    {
        ArgumentNullException.ThrowIfNull(stored);
        if (stored.Event is not TranscriptRecorded recorded)
        {
            yield break;
        }
        foreach (var line in Segment.Lines(recorded.Entries))
        {
            // most lines are statements and results, which other read models read: they are not parsed once more
            if (!line.Contains("\"kind\":\"facts\"", StringComparison.Ordinal) && !line.Contains("\"kind\":\"scope\"", StringComparison.Ordinal))
            {
                continue;
            }
            using var entry = JsonDocument.Parse(line);
            var (hash, basis) = entry.RootElement.GetProperty("kind").GetString() switch
            {
                "facts" when entry.RootElement.TryGetProperty("facts", out var facts) => (entry.RootElement.GetProperty("factsHash").GetString(), facts.GetRawText()),
                "scope" => (entry.RootElement.GetProperty("scopeHash").GetString(), entry.RootElement.GetProperty("scope").GetRawText()),
                _ => (null, ""),
            };
            // INVARIANT: a name stands for what it is the hash of, so that no agent's record can say what another's statements were judged by
            if (hash is null || hash != RulingBasis.HashOf(Encoding.UTF8.GetBytes(basis)))
            {
                continue;
            }
            var isFacts = entry.RootElement.TryGetProperty("factsHash", out _);
            var row = new RulingBasisRow(
                hash, isFacts ? JsonSerializer.Deserialize<JsonElement>(basis) : null, isFacts ? null : JsonSerializer.Deserialize<Scope>(basis, Json.Options));
            yield return Begin(hash, row);
        }
    }
}

using System.Globalization;
using System.Text.Json;
using System.Text.RegularExpressions;
using AccessPlane.Contracts;
using AccessPlane.Contracts.Events;
using AccessPlane.Contracts.Transcripts;
using AccessPlane.Tests.EndToEnd.World;
using Npgsql;

namespace AccessPlane.Tests.EndToEnd.Faults.World;

/// <summary>
/// What the server did, by its own count, against what the log holds of it. Everything that a product's server has ever been told is compared: what an earlier
/// fault lost would be missed by every later one.
/// </summary>
/// <param name="Executed">Numbers of the rows that are there.</param>
/// <param name="Recorded">By number: each time that a statement with it was recorded as one that was let through, and how it came out.</param>
/// <param name="Findings">Events that say that evidence is missing.</param>
/// <param name="Twice">Parts of transcripts and entries that the log holds more than once.</param>
/// <param name="Holes">Sessions in whose record a number is missing.</param>
/// <param name="Open">Sessions without an end.</param>
internal sealed partial record Ledger(
    IReadOnlySet<long> Executed, ILookup<long, string?> Recorded, IReadOnlyList<string> Findings, int Twice, int Holes, IReadOnlyList<Guid> Open, int Sessions)
{
    public int Lost => Executed.Count(n => !Recorded.Contains(n));
    public int Duplicates => Twice + Recorded.Sum(r => r.Count() - 1);

    /// <summary>Of whom nobody knows whether the server did it: the record says so.</summary>
    public int Undecided => Recorded.Count(r => r.First() is "indeterminate" or "unknown");

    /// <summary>Once every session has its end in the log, and the log has heard of all that was done: of a session whose beginning is under way it knows nothing.</summary>
    public static async Task<Ledger> Settled(Product product, int seconds = 60, params Guid[] butFor)
    {
        Ledger ledger = null!;
        await Wait.Until(
            async () => (ledger = await Read(product)).Open.Except(butFor).Any() is false && ledger.Lost == 0, seconds,
            () => $"without an end in the log: {string.Join(", ", ledger.Open)}; done and not recorded: {string.Join(", ", ledger.Executed.Where(n => !ledger.Recorded.Contains(n)).Take(20))}");
        return ledger;
    }

    /// <summary>Nothing lost, nothing twice, and nothing said that is not so.</summary>
    /// <param name="acknowledged">What clients were told.</param>
    public Ledger Holds(IEnumerable<long> acknowledged)
    {
        None("told to a client and not done", acknowledged.Where(n => !Executed.Contains(n)));
        None("done and not recorded", Executed.Where(n => !Recorded.Contains(n)));
        None("recorded twice", Recorded.Where(r => r.Count() > 1).Select(r => r.Key));
        None("recorded as completed and not done", Recorded.Where(r => r.First() is "completed" && !Executed.Contains(r.Key)).Select(r => r.Key));
        None("done and recorded as something else", Recorded.Where(r => r.First() is not ("completed" or "indeterminate" or "unknown") && Executed.Contains(r.Key)).Select(r => r.Key));
        Assert.Equal((0, 0), (Twice, Holes));
        Assert.Empty(Findings);
        return this;
    }

    private static void None(string what, IEnumerable<long> numbers)
    {
        var found = numbers.Order().ToList();
        Assert.True(found.Count == 0, $"{found.Count} operations are {what}: {string.Join(", ", found.Take(20))}");
    }

    public override string ToString() =>
        $"{Recorded.Count} operations recorded, {Executed.Count} executed by the server's count, {Undecided} of them recorded as undecided; {Lost} lost, {Duplicates} twice, {Findings.Count + Holes} gaps, in {Sessions} sessions";

    /// <summary>Its numbers, as the table adds them up.</summary>
    public (string Name, double Value)[] Numbers(params (string Name, double Value)[] more) => [("lost", Lost), ("duplicates", Duplicates), ("gaps", Findings.Count + Holes), .. more];

    private static async Task<Ledger> Read(Product product)
    {
        var parts = new List<TranscriptRecorded>();
        var findings = new List<string>();
        var opened = new HashSet<Guid>();
        await foreach (var (type, data) in Rows(product.Log,
            "SELECT type, data::text FROM accessplane.mt_events WHERE type IN ('transcript_recorded', 'session_opened', 'evidence_gap_found') ORDER BY seq_id"))
        {
            switch (StoredJson.EventOf(type, data))
            {
                case TranscriptRecorded part:
                    parts.Add(part);
                    break;
                case SessionOpened session:
                    opened.Add(session.Session);
                    break;
                case EvidenceGapFound gap:
                    findings.Add($"{gap.Kind}: {gap.Detail}");
                    break;
                default:
                    throw new InvalidOperationException($"nobody asked for `{type}`");
            }
        }
        var executed = new HashSet<long>();
        await foreach (var (n, _) in Rows(product.Database, "SELECT n::text, '' FROM done"))
        {
            executed.Add(long.Parse(n, CultureInfo.InvariantCulture));
        }
        var sessions = parts.GroupBy(p => p.Session).Select(OfSession).ToList();
        return new Ledger(
            executed, sessions.SelectMany(s => s.Statements).ToLookup(s => s.Number, s => s.Outcome), findings, sessions.Sum(s => s.Twice),
            sessions.Count(s => s.HasHole), [.. opened.Except(sessions.Where(s => s.Ended).Select(s => s.Session))], opened.Count);
    }

    private static OneSession OfSession(IGrouping<Guid, TranscriptRecorded> parts)
    {
        var entries = parts.SelectMany(p => Segment.Lines(p.Entries)).Select(l => JsonSerializer.Deserialize<TranscriptEntry>(l, Json.Options)!).ToList();
        var outcomes = entries.Where(e => e is { Kind: "result", Op: not null }).ToLookup(e => e.Op!.Value, e => e.Outcome);
        var statements = entries.Where(e => e is { Kind: "statement", Text: not null } && e.Protocol != "prepare" && outcomes[e.Op ?? 0].All(o => o != "refused"))
            .Select(e => (Match: Numbered().Match(e.Text!), Op: e.Op!.Value))
            .Where(s => s.Match.Success)
            .Select(s => (long.Parse(s.Match.Groups[1].ValueSpan, CultureInfo.InvariantCulture), outcomes[s.Op].SingleOrDefault()))
            .ToList();
        var numbers = entries.Select(e => e.Seq).ToHashSet();
        return new OneSession(parts.Key, statements, entries.Count - numbers.Count, numbers.Count != numbers.Max(), entries.Any(e => e.Kind == "end"));
    }

    private static async IAsyncEnumerable<(string, string)> Rows(string server, string sql)
    {
        await using var database = new NpgsqlConnection(server);
        await database.OpenAsync();
        await using var command = new NpgsqlCommand(sql, database);
        await using var reader = await command.ExecuteReaderAsync();
        while (await reader.ReadAsync())
        {
            yield return (reader.GetString(0), reader.GetString(1));
        }
    }

    [GeneratedRegex(@"^INSERT INTO done VALUES \((\d+)\)$")]
    private static partial Regex Numbered();

    private sealed record OneSession(Guid Session, IReadOnlyList<(long Number, string? Outcome)> Statements, int Twice, bool HasHole, bool Ended);
}

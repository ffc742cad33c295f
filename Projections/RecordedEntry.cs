using System.Runtime.CompilerServices;
using System.Text;
using System.Text.Json;
using AccessPlane.Contracts;
using AccessPlane.Contracts.Events;
using AccessPlane.Contracts.Policy;
using AccessPlane.Contracts.Transcripts;

namespace AccessPlane.Projections;

/// <summary>
/// What read models need of a <see cref="TranscriptEntry"/>, which says what the members mean: a fraction of it, read in a fraction of the time,
/// and once for all read models that fold the same event.
/// </summary>
internal sealed class RecordedEntry
{
    private static readonly ConditionalWeakTable<TranscriptRecorded, IReadOnlyList<RecordedEntry>> Read = [];

    public required long Seq { get; init; }
    public required DateTimeOffset At { get; init; }
    public required string Kind { get; init; }
    public long? Op { get; init; }
    public string? Protocol { get; init; }
    public string? Text { get; init; }
    public IReadOnlyList<JsonElement>? Params { get; init; }
    public IReadOnlyList<string>? Statements { get; init; }
    public string? FactsHash { get; init; }
    public string? ScopeHash { get; init; }
    public bool? InTransaction { get; init; }
    public Effect? Effect { get; init; }
    public IReadOnlyList<Reason>? Reasons { get; init; }
    public long? Policy { get; init; }
    public string? Outcome { get; init; }
    public string? Status { get; init; }
    public long? Duration { get; init; }
    public long? Rows { get; init; }
    public long? Bytes { get; init; }
    public string? Tag { get; init; }
    public EntryError? Error { get; init; }
    public long? Masked { get; init; }

    /// <summary>The entries of an event, in their order.</summary>
    public static IReadOnlyList<RecordedEntry> Of(TranscriptRecorded recorded) => Read.GetValue(recorded, ReadAll);

    private static List<RecordedEntry> ReadAll(TranscriptRecorded recorded)
    {
        var entries = new List<RecordedEntry>();
        ReadOnlySpan<byte> bytes = Encoding.UTF8.GetBytes(recorded.Entries);
        while (!bytes.IsEmpty)
        {
            var end = bytes.IndexOf((byte)'\n');
            entries.Add(JsonSerializer.Deserialize<RecordedEntry>(end < 0 ? bytes : bytes[..end], Json.Options)!);
            bytes = end < 0 ? [] : bytes[(end + 1)..];
        }
        return entries;
    }
}

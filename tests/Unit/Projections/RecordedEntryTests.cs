using System.Text.Json;
using AccessPlane.Contracts;
using AccessPlane.Contracts.Events;
using AccessPlane.Contracts.Policy;
using AccessPlane.Contracts.Transcripts;
using AccessPlane.Projections;
using Xunit;

namespace AccessPlane.Tests.Unit.Projections;

public class RecordedEntryTests
{
    [Fact]
    public void What_read_models_read_of_an_entry_is_what_it_says()
    {
        var at = new DateTimeOffset(2026, 1, 31, 12, 0, 0, TimeSpan.Zero);
        TranscriptEntry statement = new(
            7, at, "statement", Op: 3, Protocol: "simple", Text: "select 'ä\n'", Params: [JsonSerializer.SerializeToElement("1"), JsonSerializer.SerializeToElement<string?>(null)],
            Statements: ["select"], FactsHash: "f", ScopeHash: "s", InTransaction: true, Effect: Effect.Flag, Reasons: [new Reason("watch", Effect.Flag, "seen")], Policy: 4);
        TranscriptEntry result = new(
            8, at, "result", Op: 3, Outcome: "failed", Status: "E", Duration: 12, Rows: 5, Bytes: 90, Tag: "SELECT 5", Error: new EntryError("57014", "cancelled"), Masked: 2);
        TranscriptEntry[] entries = [statement, result];
        var recorded = new TranscriptRecorded(
            Guid.CreateVersion7(), "agent", 1, 7, 8, "", "", false, string.Concat(entries.Select(e => JsonSerializer.Serialize(e, Json.Options) + "\n")), "");

        var read = RecordedEntry.Of(recorded);

        Assert.Equal(2, read.Count);
        foreach (var member in typeof(RecordedEntry).GetProperties())
        {
            var of = typeof(TranscriptEntry).GetProperty(member.Name);
            Assert.Equal(of?.PropertyType, member.PropertyType);
            Assert.Equal(entries.Select(e => AsJson(of!.GetValue(e))), read.Select(e => AsJson(member.GetValue(e))));
            Assert.Contains(read, e => member.GetValue(e) is not null);
        }
        Assert.Same(read, RecordedEntry.Of(recorded));
    }

    private static string AsJson(object? value) => JsonSerializer.Serialize(value, Json.Options);
}
